"""What every kind of job is given and leaves, and how one begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import ValidationError

from core.unlearning.checkpoints import NO_CHECKPOINTS, Checkpoints
from core.unlearning.errors import InvalidInputError
from core.unlearning.families.registry import load_family
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import catalogue
from core.unlearning.options import MethodOptions
from core.unlearning.progress import SILENT, Phases, Progress
from core.unlearning.types import Level, ModelSpec

if TYPE_CHECKING:
    from core.unlearning.patches.signing import Signer

PATCH, REPORT, REPORT_HTML, CERTIFICATE = "patch.zip", "report.json", "report.html", "certificate.json"

Load = Callable[[ModelSpec, str], Any]
"""Gives the model of a spec in a precision. It may keep models between jobs: these leave the base weights unchanged."""
Options = TypeVar("Options", bound=MethodOptions)


@dataclass(frozen=True)
class OutputFile:
    """An artefact of a job."""

    name: str
    path: Path
    media_type: str


@dataclass(frozen=True)
class Outcome:
    """What a job leaves. `evaluation` holds public numbers only."""

    verdict: Literal["passed", "failed"]
    evaluation: dict[str, Any]
    artifacts: tuple[OutputFile, ...]


def load_model(spec: ModelSpec, precision: str) -> Any:
    """The registered model, from its source."""
    return load_family(spec.family).load(spec, precision=precision)


@dataclass(frozen=True)
class JobSetup:
    """What every kind of job is given: which one it is, of which model, by which method, and what is around it.

    `record` goes into the certificate as it is.
    """

    job_id: str
    spec: ModelSpec
    method: str
    workdir: Path
    signer: Signer
    plan: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, str | int | None] = field(default_factory=dict)
    progress: Progress = SILENT
    checkpoints: Checkpoints = NO_CHECKPOINTS
    load: Load = load_model

    def begin(self) -> Phases:
        """Enter the first phase. Gives the progress that counts each phase's seconds."""
        phases = Phases(self.progress)
        phases.phase("validating")
        return phases


@dataclass(frozen=True)
class Work:
    """A job that has begun, with its options in full."""

    setup: JobSetup
    progress: Phases
    options: MethodOptions
    level: Level
    consolidated: tuple[str, ...] = ()
    """Ids of the jobs whose patches become one."""

    @property
    def spec(self) -> ModelSpec:
        """The registered model."""
        return self.setup.spec

    @property
    def precision(self) -> str:
        """Precision of the frozen base model."""
        return str(getattr(self.options, "precision", "auto"))

    @property
    def seed(self) -> int:
        """Random seed for sampling."""
        return int(getattr(self.options, "seed", 0))

    @property
    def recorded_options(self) -> dict[str, Any]:
        """The options as report and manifest have them."""
        jobs = {"jobs": list(self.consolidated)} if self.consolidated else {}
        return {**self.options.model_dump(mode="json"), **jobs}

    @property
    def context(self) -> JobContext:
        """What the method is given."""
        return JobContext(self.setup.workdir, self.progress, self.setup.checkpoints)

    def load_model(self) -> Any:
        """Enter the phase `loading`, and load the registered model."""
        self.progress.phase("loading")
        return self.setup.load(self.spec, self.precision)


def validate_options(method: str, spec: ModelSpec, options: Mapping[str, Any]) -> MethodOptions:
    """The method's options with its defaults filled in. Raises `InvalidInputError`."""
    info = catalogue().get(method)
    if info is None or spec.family not in info.families:
        raise InvalidInputError(f"there is no method {method!r} for models of family {spec.family!r}")
    return validated(info.options, options)


def validated(kind: type[Options], options: Mapping[str, Any]) -> Options:
    """Options of a kind with their defaults filled in. Raises `InvalidInputError`."""
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        names = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
        raise InvalidInputError(f"method options are not valid: {names}", code="invalid_option") from None
