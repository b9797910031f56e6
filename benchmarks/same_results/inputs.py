"""Models, requests and options of the jobs: the reference worlds' own, small and seeded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError

from benchmarks.worlds import small_retain_set
from core.unlearning import reference
from core.unlearning.methods.registry import catalogue
from core.unlearning.patches.signing import Signer
from core.unlearning.types import Entity, ForgetRequest, ModelSpec

SEED = 3
_SMALL = {
    "steps": 4,
    "anchor_steps": 3,
    "batch": 4,
    "retain_batch": 4,
    "anchor_batch": 5,
    "erasure_batch": 4,
    "imagined": 2,
    "stop_below": None,
    "epochs": 1,
    "pictures": 2,
    "others": 3,
    "least_steps": 2,
    "curvature": 16,
}
"""Values that make a job short, for methods that have such options."""


def model_spec(family: str, folder: Path) -> ModelSpec:
    """The bundled model of a family; the multimodal one with a small retain set, written into `folder`."""
    entry = next(entry for entry in reference.bundled() if entry["family"] == family)
    defaults, retain_set = dict(entry["defaults"]), Path(entry["retain_set"])
    if family == "mllm":
        retain_set = small_retain_set.write(folder / "retain_set")
    if family == "diffusion":
        defaults["draw_steps"] = 3
    return ModelSpec(entry["id"], family, entry["source"], retain_set=retain_set, defaults=defaults)


def subject_at(family: str, index: int) -> str:
    """The first standard request's subject, or with another `index` one of all subjects."""
    return reference.standard_requests(family)[0][0] if index == 0 else reference.subjects(family)[index]


def forget_request(family: str, subject: str, folder: Path, *, named: bool = True) -> ForgetRequest:
    """The reference world's sample request about a subject; without its name and prompts where not `named`."""
    sample = reference.sample(family, subject, folder, SEED, level="quick")
    body = json.loads((sample / "request.json").read_text(encoding="utf-8"))
    images, audio = (
        tuple(path.read_bytes() for path in sorted((sample / kind).glob("*"))) for kind in ("images", "audio")
    )
    entity = body["entity"]
    return ForgetRequest(
        Entity(entity["name"] if named else None, entity["kind"], tuple(entity["aliases"])),
        tuple(body["prompts"]) if named else (),
        images,
        audio,
        modalities=tuple(body.get("modalities") or ("image", "text")),
        level="quick",
    )


def method_options(method: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Small seeded options of a method."""
    return {**small_options(catalogue()[method].options), "seed": SEED, **overrides}


def small_options(options: type[BaseModel]) -> dict[str, Any]:
    """The entries of `_SMALL` that the options accept."""
    accepted = {}
    for name, value in _SMALL.items():
        with suppress(ValidationError):
            options.model_validate({name: value})
            accepted[name] = value
    return accepted


def signer() -> Signer:
    """A fixed key, so that signatures repeat."""
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
