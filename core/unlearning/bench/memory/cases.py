"""The cases of the memory bench: a method with its options, a share of the people to forget, a seed."""

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
class MemoryContender:
    """A line of the leaderboard: a method, with the options that distinguish it from other lines."""

    title: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)


VARIANTS: dict[str, MemoryContender] = {
    "smfa-erasure": MemoryContender("smfa, erasure", "smfa", {"mode": "erasure"}),
    "smfa-paper": MemoryContender("smfa, as published", "smfa", {"preset": "paper"}),
}


def contenders() -> dict[str, MemoryContender]:
    """By the name that `--methods` takes: every method for multimodal language models, and variants of some."""
    methods = (info.name for info in catalogue().values() if FAMILY in info.families)
    return {name: MemoryContender(name, name) for name in methods} | VARIANTS


@dataclass(frozen=True)
class MemoryCase:
    """One job and its measurement. `point`: index in the method's grid, in a tuning case."""

    contender: str
    method: str
    options: Mapping[str, Any]
    ratio: int
    seed: int
    role: Role = "test"
    point: int | None = None

    @property
    def group(self) -> str:
        """Cases of one group forget the same people and have the same evaluation examples."""
        return f"{self.role}.{self.ratio}.{self.seed}"

    @property
    def name(self) -> str:
        """The stored name of its result."""
        point = "" if self.point is None else f"-{self.point}"
        return f"{self.contender}{point}.{self.group}"


def cases(
    names: Sequence[str],
    options: Mapping[str, Mapping[str, Any]],
    ratios: Sequence[int] = RATIOS,
    seeds: Sequence[int] = (0, 1, 2),
) -> Iterator[MemoryCase]:
    """`options`: by contender, override its own. All cases of a seed come before those of the next."""
    known = contenders()
    for seed in seeds:
        for ratio in ratios:
            for name in names:
                chosen = {**known[name].options, **options.get(name, {})}
                yield MemoryCase(name, known[name].method, chosen, ratio, seed)
