"""What a registered model and its retain set allow, before any request: what is missing, and how sure verdicts can be.

Made from the folders alone; nothing of a hub id is known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from core.unlearning.families.info import ORACLE, FamilyInfo
from core.unlearning.families.registry import families
from core.unlearning.hardware.requirements import operations_of_row
from core.unlearning.methods.base import MethodInfo
from core.unlearning.methods.registry import catalogue
from core.unlearning.planning.faults import PlanError
from core.unlearning.planning.findings import Finding, oracle_finding, retain_set_finding, source_finding
from core.unlearning.planning.job_plan import plan
from core.unlearning.planning.request import PlanRequest
from core.unlearning.planning.split_check import SplitCheck, split_checks
from core.unlearning.types import Level, ModelSpec

_LEVELS: tuple[Level, ...] = get_args(Level)
_PICTURES = 3
"""Pictures of the subject that the request brings which levels are planned for."""
_BATCHES = ("batch", "retain_batch", "anchor_batch")
"""Options that say how many rows a step takes."""
_OPERATIONS_PER_SECOND = {"two CPU cores": 1e11, "a large GPU": 1e14}
"""As measured with a language model of 135 M weights; of the GPU a tenth of what it is sold for."""
_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True)
class MethodCheck:
    """A method that works on the model, and what a request must bring for it."""

    name: str
    title: str
    needs: tuple[str, ...]


@dataclass(frozen=True)
class LevelCheck:
    """A job of a level about one subject, by the method that `auto` chooses."""

    level: Level
    method: str
    training_examples: int
    steps: int | None
    memory: Mapping[str, int] | None
    least_time: str | None
    """In words; None where it does not follow from the size of the model."""


@dataclass(frozen=True)
class ModelCheck:
    """All of it."""

    findings: tuple[Finding, ...]
    splits: tuple[SplitCheck, ...]
    methods: tuple[MethodCheck, ...]
    levels: tuple[LevelCheck, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def model_check(model: ModelSpec) -> ModelCheck:
    """What jobs on a registered model can do, and what their reports can show."""
    family = families()[model.family]
    kept, finding = retain_set_finding(model.retain_set, family)
    levels, defaults = _levels(model, family)
    return ModelCheck(
        findings=(source_finding(model.source), finding, oracle_finding(model.defaults.get(ORACLE)), defaults),
        splits=tuple(split_checks(family, kept)),
        methods=tuple(_methods(family)),
        levels=levels,
    )


def _methods(family: FamilyInfo) -> Iterator[MethodCheck]:
    for info in catalogue().values():
        if family.name in info.families:
            yield MethodCheck(info.name, info.title, tuple(_needs(info, family)))


def _needs(info: MethodInfo, family: FamilyInfo) -> Iterator[str]:
    needs = {
        "pictures of the subject": info.needs_images and family.uses_pictures,
        "the subject's name": info.needs_names,
        "a name or prompts": info.needs_words and not info.needs_names,
    }
    yield from (what for what, needed in needs.items() if needed)


def _levels(model: ModelSpec, family: FamilyInfo) -> tuple[tuple[LevelCheck, ...], Finding]:
    try:
        levels = tuple(_level(model, family, level) for level in _LEVELS)
    except PlanError as error:
        return (), Finding("defaults", "invalid", f"No job can be planned with the registered defaults: {error}.")
    if not model.defaults:
        return levels, Finding("defaults", "none", "None are registered: methods' own defaults hold.")
    return levels, Finding("defaults", "ok", f"Jobs can be planned with them: {', '.join(sorted(model.defaults))}.")


def _level(model: ModelSpec, family: FamilyInfo, level: Level) -> LevelCheck:
    pictures = _PICTURES if family.uses_pictures else 0
    planned = plan(model, PlanRequest(names=("",), n_images=pictures, level=level))
    method, examples, steps = planned["method"], planned["training_examples"], planned["steps"]
    time = _least_time(model.source, family, steps, planned["options"])
    return LevelCheck(level, method, examples, steps, planned["memory"], time)


def _least_time(source: str, family: FamilyInfo, steps: int | None, options: Mapping[str, Any]) -> str | None:
    """By arithmetic, of the training alone."""
    of_row = operations_of_row(source, family.tokens) if family.tokens else None
    if of_row is None or steps is None:
        return None
    work = of_row * steps * sum(int(options.get(name) or 0) for name in _BATCHES)
    on = [f"{_duration(work / speed)} on {machine}" for machine, speed in _OPERATIONS_PER_SECOND.items()]
    return f"Training takes about {', or '.join(on)}, going by its arithmetic."


def _duration(seconds: float) -> str:
    if seconds < 2 * _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    return f"{seconds / _HOUR:.1f} h"
