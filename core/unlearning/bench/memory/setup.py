"""The settings of a whole benchmark, as a value that can be sent to its processes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from core.unlearning.bench.memory import reference_world
from core.unlearning.bench.memory.cases import MemoryCase
from core.unlearning.bench.memory.judge import Judge
from core.unlearning.bench.memory.layouts import read
from core.unlearning.bench.memory.world import World, assign_roles
from core.unlearning.bench.store import ResultStore
from core.unlearning.reference import catalog
from core.unlearning.types import ModelSpec

Layout = Literal["s-mllmun", "mllmu", "clear", "fiubench"]
Level = Literal["standard", "robust"]


@dataclass(frozen=True)
class MemorySetup:
    """`data`: a folder in one of the layouts; None: the reference world. `oracle`: a model that never saw the people.

    `work`: the folder of all results and patches. `threads`: of each process, at most.
    """

    model: str
    work: Path
    data: Path | None = None
    layout: Layout | None = None
    oracle: Path | None = None
    judge: Judge | None = None
    level: Level = "standard"
    threads: int = 1

    @property
    def store(self) -> ResultStore:
        """The results of cases, and what cases of a group share."""
        return ResultStore(self.work / "cases")

    def shared_name(self, name: str) -> str:
        """The stored name of records that cases share: those with a judge's scores are apart."""
        return f"{name}.judged" if self.judge else name

    def job_folder(self, case: MemoryCase) -> Path:
        """The work folder of the case's method."""
        return self.work / "patches" / case.name

    def spec(self, source: str | None = None) -> ModelSpec:
        """The benchmarked model, or the one at `source`."""
        return ModelSpec("bench", "mllm", source or self.model)

    def world(self, seed: int) -> World:
        """The people with their roles assigned. Raises `InvalidInputError` for data that cannot be read."""
        if self.data is None or self.layout is None:
            return assign_roles(reference_world.world(seed))
        return _read(self.data, self.layout)


@cache
def _read(data: Path, layout: str) -> World:
    return assign_roles(read(data, layout))


def bundled_model() -> str:
    """The reference model's folder."""
    return str(catalog.bundled_path("mllm"))
