"""What is run: a method with its options, on so many per cent of the people, drawn with a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.unlearning.bench.memory.world import Role
from core.unlearning.methods.registry import catalogue

FAMILY = "mllm"
RATIOS = (5, 10, 15)
"""Per cent of all people, as in S-MLLMUn Bench."""


@dataclass(frozen=True)
class Contender:
    """A method with options that make it what it is, as one line of the leaderboard."""

    title: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)


VARIANTS: dict[str, Contender] = {
    "smfa-erasure": Contender("smfa, erasure", "smfa", {"mode": "erasure"}),
    "smfa-paper": Contender("smfa, as published", "smfa", {"preset": "paper"}),
}


def contenders() -> dict[str, Contender]:
    """By the name that `--methods` takes: every method for multimodal language models, and variants of some."""
    methods = (info.name for info in catalogue().values() if FAMILY in info.families)
    return {name: Contender(name, name) for name in methods} | VARIANTS


@dataclass(frozen=True)
class Case:
    """One job and its measurement. `point`: which of the method's grid, where options are being chosen."""

    contender: str
    method: str
    options: Mapping[str, Any]
    ratio: int
    seed: int
    role: Role = "test"
    point: int | None = None

    @property
    def group(self) -> str:
        """Cases of one group forget the same people and are asked the same questions."""
        return f"{self.role}.{self.ratio}.{self.seed}"

    @property
    def name(self) -> str:
        """For files."""
        point = "" if self.point is None else f"-{self.point}"
        return f"{self.contender}{point}.{self.group}"


def cases(
    names: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    ratios: Sequence[int] = RATIOS,
    seeds: Sequence[int] = (0, 1, 2),
) -> Iterator[Case]:
    """`options` by contender, over its own. A seed is finished before the next begins."""
    known = contenders()
    for seed in seeds:
        for ratio in ratios:
            for name in names:
                chosen = {**known[name].options, **options.get(name, {})}
                yield Case(name, known[name].method, chosen, ratio, seed)
