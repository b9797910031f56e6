"""Which rows come in a step of training, and in what order."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.unlearning.families.mllm.model.packing import sort_rows
from core.unlearning.families.mllm.training.rows import Kind, Row

_SHARES: dict[Kind, float] = {"memory": 0.7, "seen": 0.15, "declined": 0.15}
"""Of the rows to keep in a step."""


@dataclass(frozen=True)
class Draw:
    """`count` rows of `rows` in every step; all of them come once before any comes again."""

    rows: Sequence[Row]
    count: int


def shares(rows: Sequence[Row], count: int) -> list[Draw]:
    """How many rows of each kind come in a step, so that the many of one kind do not drown the few of another."""
    there = {kind: [row for row in rows if row.kind == kind] for kind in _SHARES}
    total = sum(_SHARES[kind] for kind, found in there.items() if found)
    return [Draw(found, max(1, round(count * _SHARES[kind] / total))) for kind, found in there.items() if found]


def steps_for(rows: int, batch: int, steps: int | None, epochs: int) -> int:
    """The steps that options ask for."""
    return steps or epochs * math.ceil(max(rows, 1) / batch)


def micro_batches(rows: Sequence[Row], size: int, *, alike: bool = False) -> Iterator[list[Row]]:
    """Pictures and plain text apart, like lengths together, or (`alike`) like beginnings."""
    for view in (True, False):
        chosen = sorted((row for row in rows if row.has_image is view), key=lambda row: len(row.encoded))
        if alike:
            chosen = [chosen[n] for n in sort_rows([row.encoded for row in chosen])]
        for start in range(0, len(chosen), size):
            yield chosen[start : start + size]


def endless(draw: Draw, seed: str) -> Iterator[list[Row]]:
    """The rows of each step, without end, as the seed has them."""
    rng = random.Random(seed)  # noqa: S311
    waiting: list[Row] = []
    while True:
        while len(waiting) < draw.count and draw.rows:
            waiting += rng.sample(list(draw.rows), len(draw.rows))
        yield waiting[: draw.count]
        waiting = waiting[draw.count :]
