"""`manifest.json`: what a patch is made of, what it was made for, and by whom."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.unlearning.patches import canonical, lora_check
from core.unlearning.patches.signing import Signer
from core.version import VERSION

NAME = "manifest.json"
FORMAT = "lethe-patch/1"
_PEFT = {"peft": ">=0.21"}
_DIFFUSERS = {"diffusers": ">=0.42", **_PEFT}
_PIPELINE_LORA = f"adapter/{lora_check.WEIGHTS}"
_LIBRARIES = ("torch", "transformers", "diffusers", "peft", "safetensors", "numpy")


@dataclass(frozen=True)
class Provenance:
    """What the maker of a patch knows about it. Ids and numbers only: a manifest never names the subject."""

    base_id: str
    base_digest: str
    method: str
    options: Mapping[str, Any]
    seeds: Mapping[str, int]
    base_revision: str | None = None
    job_id: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Model):
    """One file of the bundle."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class Base(_Model):
    """The model that the patch fits."""

    id: str
    revision: str | None
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")


class MethodRun(_Model):
    """The method with the options it ran with, and its seeds."""

    name: str
    options: dict[str, Any]
    seeds: dict[str, int]


class SignedBy(_Model):
    """The key that signed, by itself and by its short name."""

    alg: Literal["Ed25519"]
    key_id: str
    public_key: str


class Manifest(_Model):
    """`signature` is over the canonical JSON (RFC 8785) of everything else in the manifest."""

    format: Literal["lethe-patch/1"]
    created_at: datetime
    job_id: str | None
    base: Base
    method: MethodRun
    versions: dict[str, str]
    requires: dict[str, str]
    files: dict[str, FileEntry]
    signed_by: SignedBy
    signature: str


class ManifestError(ValueError):
    """The manifest is not one. The message is one line for a person."""


def build(files: Mapping[str, FileEntry], provenance: Provenance, signer: Signer) -> bytes:
    """The signed manifest as it goes into the bundle. The same arguments give the same bytes."""
    document = {
        "format": FORMAT,
        "created_at": provenance.created_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "job_id": provenance.job_id,
        "base": {
            "id": provenance.base_id,
            "revision": provenance.base_revision,
            "digest": provenance.base_digest,
        },
        "method": {
            "name": provenance.method,
            "options": _json(provenance.options),
            "seeds": dict(provenance.seeds),
        },
        "versions": versions(),
        "requires": _DIFFUSERS if _PIPELINE_LORA in files else _PEFT,
        "files": {name: entry.model_dump() for name, entry in files.items()},
    }
    return canonical.dumps(signer.sign_document(document)) + b"\n"


def parse(data: bytes) -> tuple[Manifest, dict[str, Any]]:
    """The manifest, and the raw document whose signature can be checked. Raises `ManifestError`."""
    try:
        document = canonical.loads(data)
        return Manifest.model_validate(document), document
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the whole"
        raise ManifestError(f"The manifest is not one of a Lethe patch ({where}).") from error
    except ValueError as error:
        raise ManifestError("The manifest is not JSON.") from error


def versions() -> dict[str, str]:
    """Of Python, Lethe and the libraries that decide a patch's numbers, as far as they are installed."""
    found = {"python": platform.python_version(), "lethe": VERSION}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _json(value: Any) -> Any:
    """Options as JSON: an infinite k becomes the word, which JSON has no number for."""
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
