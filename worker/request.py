"""From what the service stored to what the unlearning library takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.service.jobs.inputs import JobInput, Source
from core.service.models import RegisteredModel
from core.unlearning.families.abilities import abilities
from core.unlearning.types import Entity, ForgetRequest, ModelSpec, Retain


def model_spec(model: RegisteredModel) -> ModelSpec:
    """The registered model."""
    return ModelSpec(
        id=model.id,
        family=model.family,
        source=model.source,
        revision=model.revision,
        retain_set=Path(model.retain_set) if model.retain_set else None,
        defaults=model.defaults,
    )


def forget_request(request: Mapping[str, Any], given: JobInput) -> ForgetRequest:
    """The decrypted request with its files."""
    return _asked(request, given.model.family, given.images, given.audio, given.retain_images)


def source_request(source: Source, family: str) -> ForgetRequest | None:
    """What a job that is consolidated was asked to forget, as long as that is kept."""
    return None if source.request is None else _asked(source.request, family, source.images)


def _asked(
    request: Mapping[str, Any],
    family: str,
    images: tuple[bytes, ...],
    audio: tuple[bytes, ...] = (),
    retain_images: tuple[bytes, ...] = (),
) -> ForgetRequest:
    entity, retain, evaluation = request["entity"], request["retain"], request["evaluation"]
    return ForgetRequest(
        entity=Entity(name=entity["name"], kind=entity["kind"], aliases=tuple(entity["aliases"])),
        prompts=tuple(request["prompts"]),
        images=images,
        audio=audio,
        replacement=request["replacement"],
        modalities=tuple(request["modalities"] or abilities(family).forgets),
        retain=Retain(retain_images, tuple(retain["prompts"]), tuple(retain["entities"])),
        level=evaluation["level"],
        thresholds=evaluation["thresholds"],
    )
