"""Checks a patch offline, without torch and without trusting it: what `lethe verify` runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.unlearning.errors import UnlearningError
from core.unlearning.patches import adapter_check, bundle, lora_check, manifest, signing
from core.unlearning.patches.adapter_check import AdapterError
from core.unlearning.patches.archive import Archive, Limits, UnsafeArchiveError
from core.unlearning.patches.digest import base_digest, mismatch, short
from core.unlearning.patches.manifest import Manifest, ManifestError
from core.unlearning.patches.signing import SignatureError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True)
class Check:
    """One question asked of the patch. `name`: archive, manifest, signature, files, adapter, lora_export, base.

    `detail` is one printable line. It may quote the patch, so escape it where brackets or tags have a meaning.
    """

    name: str
    ok: bool
    detail: str

    def __post_init__(self) -> None:
        printable = "".join(character if character.isprintable() else "?" for character in self.detail)
        object.__setattr__(self, "detail", printable)


@dataclass(frozen=True)
class Verification:
    """All that was checked. A check that makes the rest pointless is the last."""

    ok: bool
    checks: list[Check]
    manifest: Manifest | None = None


def verify(
    path: Path, *, base: Path | None = None, public_key: bytes | None = None, limits: Limits | None = None
) -> Verification:
    """Never raises for what is in the file.

    `public_key` is the service's (32 raw bytes, `signing.read_jwks`): without it the signature shows that nothing was
    changed since signing, not who signed. `base` is the directory of the model that the patch is meant for.
    """
    checks: list[Check] = []
    parsed: Manifest | None = None
    try:
        with Archive(path, limits) as archive:
            checks.append(Check("archive", True, f"{len(archive.sizes)} files, safe to unpack"))
            parsed, document = _manifest(archive)
            checks.append(Check("manifest", True, f"made by {parsed.method.name} for {parsed.base.id}"))
            checks.append(_run_check("signature", lambda: _signature(document, public_key)))
            checks.append(_run_check("files", lambda: _files(archive, parsed)))
            checks.extend(_adapters(archive))
    except (UnsafeArchiveError, ManifestError) as error:
        checks.append(Check("manifest" if checks else "archive", False, str(error)))
    if parsed is not None and base is not None:
        digest = parsed.base.digest
        checks.append(_run_check("base", lambda: _base(digest, base)))
    return Verification(all(check.ok for check in checks), checks, parsed)


def _run_check(name: str, question: Callable[[], str]) -> Check:
    try:
        return Check(name, True, question())
    except (UnsafeArchiveError, SignatureError, AdapterError, UnlearningError, _FilesError) as error:
        return Check(name, False, str(error))


def _manifest(archive: Archive) -> tuple[Manifest, dict[str, Any]]:
    if manifest.NAME not in archive.sizes:
        raise ManifestError("There is no manifest: this is not a Lethe patch.")
    return manifest.parse(archive.read(manifest.NAME))


def _signature(document: dict[str, Any], public_key: bytes | None) -> str:
    key = signing.verify_document(document, public_key)
    if public_key is None:
        return f"unchanged since key {key} signed it (whose key that is was not checked)"
    return f"signed by key {key}, as expected"


class _FilesError(ValueError):
    """Some files are not those of the manifest."""


def _files(archive: Archive, parsed: Manifest) -> str:
    present, listed = archive.sizes.keys() - {manifest.NAME}, parsed.files.keys()
    missing, extra = sorted(listed - present), sorted(present - listed)
    if missing:
        raise _FilesError(f"{missing[0]} is missing.")
    if extra:
        raise _FilesError(f"{extra[0]} is not in the manifest.")
    for name, entry in parsed.files.items():
        if not name.endswith(bundle.SUFFIXES):
            raise _FilesError(f"{name} is not a kind of file that belongs in a patch.")
        if (_sha256(archive, name), archive.sizes[name]) != (entry.sha256, entry.size):
            raise _FilesError(f"{name} was changed.")
    return f"all {len(listed)} files are as they were signed"


def _sha256(archive: Archive, name: str) -> str:
    digest = hashlib.sha256()
    with archive.open(name) as member:
        for chunk in member.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def _adapters(archive: Archive) -> list[Check]:
    # What the folder holds says which library the patch is for.
    pipeline = f"{bundle.ADAPTER}/{lora_check.WEIGHTS}" in archive.sizes
    look = _pipeline_lora if pipeline else _adapter
    checks = [_run_check("adapter", lambda: look(archive, bundle.ADAPTER))]
    if any(name.startswith(f"{bundle.LORA_EXPORT}/") for name in archive.sizes):
        checks.append(_run_check("lora_export", lambda: _adapter(archive, bundle.LORA_EXPORT)))
    return checks


def _adapter(archive: Archive, folder: str) -> str:
    config, weights = f"{folder}/{CONFIG}", f"{folder}/{WEIGHTS}"
    for name in (config, weights):
        if name not in archive.sizes:
            raise AdapterError(f"{name} is missing.")
    with archive.open(weights) as member:
        found = adapter_check.check(archive.read(config), member)
    if not found.effective:
        raise AdapterError("The adapter changes nothing: every delta in it is zero.")
    return f"{found.peft_type} adapter for {found.modules} modules"


def _pipeline_lora(archive: Archive, folder: str) -> str:
    with archive.open(f"{folder}/{lora_check.WEIGHTS}") as member:
        found = lora_check.check(member)
    if not found.effective:
        raise AdapterError("The adapter changes nothing: every delta in it is zero.")
    if (twin := f"{folder}/{lora_check.KOHYA}") in archive.sizes:
        with archive.open(twin) as member:
            lora_check.check_twin(member, found)
    return f"diffusers LoRA for {len(found.modules)} modules"


def _base(expected: str, base: Path) -> str:
    actual = base_digest(base)
    if actual != expected:
        raise AdapterError(mismatch(expected, actual, base))
    return f"made for this base ({short(expected)})"
