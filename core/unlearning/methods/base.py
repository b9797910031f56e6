"""What every method offers, whichever family it serves. Free of torch, so that `api` can publish options and plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from core.unlearning.checkpoints import NO_CHECKPOINTS, Checkpoints
from core.unlearning.options import ConsolidationOptions, MethodOptions
from core.unlearning.progress import SILENT, Progress
from core.unlearning.types import Example, JobData, Level


@dataclass(frozen=True)
class MethodInfo:
    """A method's entry in the catalogue (`methods/<name>/config.py: INFO`)."""

    name: str
    title: str
    families: tuple[str, ...]
    paper: str
    options: type[MethodOptions]
    needs_images: bool = False
    """Of a model that sees any."""
    needs_names: bool = False
    needs_words: bool = False
    """Whether `auto` leaves it out where nothing but pictures says what is to be forgotten."""
    keeps_images: bool = True
    """Whether it can make use of pictures that are to be kept."""
    by_level: Mapping[Level, Mapping[str, Any]] = field(default_factory=dict)
    """Options that a level of evaluation brings, where neither the model nor the request says otherwise."""
    limits: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda _: ()
    """What the numbers of a job with these options cannot say, beside the limits that hold for its family."""
    consolidation: type[ConsolidationOptions] | None = None
    """The options of consolidating its recipes; None for a method whose patches bring no recipe."""

    @property
    def leaves_recipe(self) -> bool:
        """Whether its patches bring a recipe: then its `METHOD` is a `Sculpting`."""
        return self.consolidation is not None


@dataclass(frozen=True)
class JobContext:
    """What a method is given beside the model, the data and its options: its folder, its progress, its checkpoints."""

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


@dataclass(frozen=True)
class Strength:
    """How strongly a recipe is sculpted again: as strongly as is said for a view, or as leaves this much utility."""

    k_image: float | None = None
    k_text: float | None = None
    utility_floor: float | None = None


@dataclass(frozen=True)
class Resculpted(MethodResult):
    """What sculpting again leaves. Without the subject's data nobody can measure how well the subject is forgotten."""

    forget: float | None = None
    """What the job that made the recipe measured at this strength, the sum of `forget_metrics` on the questions set
    aside for choosing; failing that, at the nearest that forgets less; None where it measured neither."""
    forget_metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Consolidated(MethodResult):
    """What consolidation leaves."""

    effects: Mapping[str, float] = field(default_factory=dict)
    """By job, how much of its own patch's effect on its subject's questions is left, in [0, 1]."""


@runtime_checkable
class Sculpting(Method, Protocol):
    """A method whose patches bring a recipe, from which others are made without the subjects' data."""

    def open_recipe(self, folder: Path, job_id: str) -> Sequence[Any]:
        """The recipe in a folder, which this job left; or the several recipes of a consolidated patch.

        Raises `InvalidInputError`.
        """

    def resculpt(self, model: Any, folder: Path, strength: Strength, job: JobContext) -> Resculpted:
        """Write `job.adapter` and `job.recipe` from the recipe in this folder. Raises `InvalidInputError`."""

    def consolidate(
        self, model: Any, recipes: Sequence[Any], retained: Sequence[Example], options: Any, job: JobContext
    ) -> Consolidated:
        """Write `job.adapter` and `job.recipe` from opened recipes. `retained`: examples of what must not change.

        `options` are of `MethodInfo.consolidation`. Raises `InvalidInputError`.
        """
