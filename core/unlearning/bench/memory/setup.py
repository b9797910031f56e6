"""What stays the same throughout a benchmark, as a value that its processes are started with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from core.unlearning.bench.memory import reference_world
from core.unlearning.bench.memory.judge import Judge
from core.unlearning.bench.memory.layouts import read
from core.unlearning.bench.memory.world import World, dealt
from core.unlearning.reference import catalog
from core.unlearning.types import ModelSpec

Layout = Literal["s-mllmun", "mllmu", "clear", "fiubench"]
Level = Literal["standard", "robust"]


@dataclass(frozen=True)
class Setup:
    """`data`: a folder in one of the layouts; None: the reference world. `oracle`: a model that never met the people.

    `work`: where everything is kept. `threads`: of each process, at most.
    """

    model: str
    work: Path
    data: Path | None = None
    layout: Layout | None = None
    oracle: Path | None = None
    judge: Judge | None = None
    level: Level = "standard"
    threads: int = 1

    def spec(self, source: str | None = None) -> ModelSpec:
        """The model as methods and loaders know it."""
        return ModelSpec("bench", "mllm", source or self.model)

    def world(self, seed: int) -> World:
        """Who can be forgotten, with a role for everybody. Raises `InvalidInputError` for data that cannot be read."""
        if self.data is None or self.layout is None:
            return dealt(reference_world.world(seed))
        return _read(self.data, self.layout)


@cache
def _read(data: Path, layout: str) -> World:
    return dealt(read(data, layout))


def bundled_model() -> str:
    """The reference model's folder."""
    return str(catalog.bundled_path("mllm"))
