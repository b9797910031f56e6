"""A forget request as planning sees it, and what no method could do with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.json_pointer import json_pointer
from core.unlearning.evaluation.measures import Measures
from core.unlearning.evaluation.thresholds import validate_thresholds
from core.unlearning.families.info import FamilyInfo
from core.unlearning.planning.faults import Fault, PlanError
from core.unlearning.types import EntityKind, Level, Modality, RequestSummary

AUTO = "auto"


@dataclass(frozen=True)
class PlanRequest:
    """What decides the method, its options and the amount of work. Files are counted, not read."""

    method: str = AUTO
    options: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    """The entity's name and its aliases."""
    kind: EntityKind = "identity"
    n_images: int = 0
    n_audio: int = 0
    n_retain_images: int = 0
    n_prompts: int = 0
    modalities: tuple[Modality, ...] | None = None
    """None: all that models of the family can forget."""
    level: Level = "standard"
    thresholds: Mapping[str, object] = field(default_factory=dict)


def check_request(request: PlanRequest, family: FamilyInfo) -> None:
    """Raises `PlanError` for what no method could do on models of this family."""
    _check_something_to_forget(request, family)
    _check_thresholds(request.thresholds, family.measures)
    if faults := tuple(_unsupported(request, family)):
        raise PlanError(*faults)


def summarise(request: PlanRequest, family: FamilyInfo, retain_set: Path | None) -> RequestSummary:
    """The numbers of a request that `check_request` has let pass. `retain_set`: the model's registered folder."""
    modalities = request.modalities or family.forgets
    rows = family.count_rows(retain_set, request.names, request.kind) if family.count_rows else None
    return RequestSummary(
        n_images=request.n_images if "image" in modalities else 0,
        n_audio=request.n_audio,
        n_retain_images=request.n_retain_images,
        n_prompts=request.n_prompts,
        n_names=len(request.names) if "text" in modalities or family.knows_names else 0,
        n_rows=rows or 0,
        kind=request.kind,
        level=request.level,
    )


def _check_something_to_forget(request: PlanRequest, family: FamilyInfo) -> None:
    if not family.uses_pictures:
        if not request.names:
            raise PlanError.one(Fault("/entity/name", "nothing_to_forget", "Give the entity's name."))
        return
    files = request.n_images or request.n_audio
    named, prompted = family.knows_names and request.names, family.uses_prompts and request.n_prompts
    if not (files or named or prompted):
        what = "images, sound clips or a name" if family.knows_names else "images, prompts, or both"
        raise PlanError.one(Fault("/images", "nothing_to_forget", f"Give {what}."))


def _check_thresholds(thresholds: Mapping[str, object], measures: Measures) -> None:
    for key, value in thresholds.items():
        try:
            validate_thresholds({key: value}, measures)
        except ValueError:
            detail = (
                "A threshold is <split>.<metric>, or that with .drop, .rise, .gap or .upper, and a number from 0 to 1."
            )
            pointer = json_pointer("evaluation", "thresholds", key)
            raise PlanError.one(Fault(pointer, "invalid_threshold", detail)) from None


def _unsupported(request: PlanRequest, family: FamilyInfo) -> Iterator[Fault]:
    of_family = f"Models of family {family.name}"
    for n, modality in enumerate(request.modalities or ()):
        if modality not in family.forgets:
            detail = f"{of_family} have no {modality} to forget."
            yield Fault(json_pointer("modalities", n), "modality_not_supported", detail)
    for member, count in (("/images", request.n_images), ("/retain/images", request.n_retain_images)):
        if count and not family.uses_pictures:
            yield Fault(member, "images_not_supported", f"{of_family} see no pictures; give a name and prompts.")
    if request.n_audio and not family.uses_sounds:
        yield Fault("/audio", "audio_not_supported", f"{of_family} hear nothing.")
