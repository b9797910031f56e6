"""What every method offers, whichever family it serves. Free of torch, so that `api` can publish options and plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.unlearning.checkpoints import NO_CHECKPOINTS, Checkpoints
from core.unlearning.options import ConsolidationOptions, MethodOptions
from core.unlearning.progress import SILENT, Progress
from core.unlearning.types import JobData, Level


@dataclass(frozen=True)
class MethodInfo:
    """A method's entry in the catalogue (`methods/<name>/config.py: INFO`)."""

    name: str
    title: str
    families: tuple[str, ...]
    paper: str
    options: type[MethodOptions]
    needs_images: bool = False
    needs_names: bool = False
    needs_words: bool = False
    """Whether `auto` leaves it out where nothing but pictures says what is to be forgotten."""
    keeps_images: bool = True
    """Whether it can make use of pictures that are to be kept."""
    by_level: Mapping[Level, Mapping[str, Any]] = field(default_factory=dict)
    """Options that a level of evaluation brings, where neither the model nor the request says otherwise."""
    limits: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda _: ()
    """What the numbers of a job with these options cannot say, beside the limits that hold for its family."""
    leaves_recipe: bool = False
    """Whether its patch brings a recipe, so that its `METHOD` is a `Sculpting` too."""
    consolidation: type[ConsolidationOptions] | None = None
    """Options of consolidating its recipes; None where they cannot be."""


@dataclass(frozen=True)
class JobContext:
    """What a method is given beside the model, the data and its options: where it works, and whom it reports to."""

    workdir: Path
    """An empty folder for everything that the method writes."""
    progress: Progress = SILENT
    checkpoints: Checkpoints = NO_CHECKPOINTS
    """What an earlier process saved of the same job, and where this one saves."""

    @property
    def adapter(self) -> Path:
        """The folder for what stock libraries load."""
        return self.workdir / "adapter"

    @property
    def recipe(self) -> Path:
        """The folder for what makes other patches without the subject's data."""
        return self.workdir / "recipe"


@dataclass(frozen=True)
class MethodResult:
    """What a method leaves in the work directory.

    `details` goes into the report: JSON values only, such as the k sweep, losses, numbers of examples.
    """

    adapter: Path
    recipe: Path | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Method(Protocol):
    """`methods/<name>/method.py: METHOD`. `model` is what the family's `load` returned."""

    def run(self, model: Any, data: JobData, options: Any, job: JobContext) -> MethodResult:
        """Train, choose, and write `job.adapter` (and `job.recipe`), from where `job.checkpoints` left it.

        Afterwards the model is as it was.
        """
