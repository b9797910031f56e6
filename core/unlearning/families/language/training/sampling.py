"""Which rows a training step takes, and in what order."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from core.unlearning.families.language.model.packing import sort_rows
from core.unlearning.families.language.training.rows import RowKind, TrainingRow

ANSWER_TOKENS = 512
"""Answer tokens in a training step, about, at most."""
_KIND_SHARES: dict[RowKind, float] = {"memory": 0.7, "seen": 0.15, "declined": 0.15}
"""Shares of the rows to keep in a step, by kind."""


@dataclass(frozen=True)
class RowSampler:
    """Takes `count` of `rows` in every step; each row comes once before any comes again."""

    rows: Sequence[TrainingRow]
    count: int


def samplers_by_kind(rows: Sequence[TrainingRow], count: int) -> list[RowSampler]:
    """One sampler for each kind of row, `count` rows in all, so that a frequent kind does not displace a rare one."""
    rows_of = {kind: [row for row in rows if row.kind == kind] for kind in _KIND_SHARES}
    total = sum(_KIND_SHARES[kind] for kind, found in rows_of.items() if found)
    return [
        RowSampler(found, max(1, round(count * _KIND_SHARES[kind] / total))) for kind, found in rows_of.items() if found
    ]


def within_budget(samplers: Sequence[RowSampler]) -> list[RowSampler]:
    """The samplers with fewer rows each where a step would have more than `ANSWER_TOKENS`.

    A sentence teaches more than a word does, and takes more time.
    """
    tokens = sum(sampler.count * _answer_length(sampler.rows) for sampler in samplers)
    share = min(1.0, ANSWER_TOKENS / max(tokens, 1.0))
    return [replace(sampler, count=max(1, round(share * sampler.count))) for sampler in samplers]


def _answer_length(rows: Sequence[TrainingRow]) -> float:
    """Mean number of answer tokens."""
    return fmean(len(row.encoded) - row.encoded.answer_start for row in rows) if rows else 0.0


def steps_for(rows: int, batch: int, steps: int | None, epochs: int) -> int:
    """`steps`, or as many as `epochs` passes over the rows take."""
    return steps or epochs * math.ceil(max(rows, 1) / batch)


def micro_batches(rows: Sequence[TrainingRow], size: int, *, by_prefix: bool = False) -> Iterator[list[TrainingRow]]:
    """Batches of up to `size` rows, pictures and text apart, sorted by length or (`by_prefix`) by common prefix."""
    for view in (True, False):
        chosen = sorted((row for row in rows if row.has_image is view), key=lambda row: len(row.encoded))
        if by_prefix:
            chosen = [chosen[n] for n in sort_rows([row.encoded for row in chosen])]
        for start in range(0, len(chosen), size):
            yield chosen[start : start + size]


def step_batches(sampler: RowSampler, seed: str) -> Iterator[list[TrainingRow]]:
    """The rows of each step, endlessly, as the seed determines."""
    rng = random.Random(seed)  # noqa: S311
    waiting: list[TrainingRow] = []
    while True:
        while len(waiting) < sampler.count and sampler.rows:
            waiting += rng.sample(list(sampler.rows), len(sampler.rows))
        yield waiting[: sampler.count]
        waiting = waiting[sampler.count :]
