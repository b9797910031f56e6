"""Packs a job's work directory into `patch.zip`, and unpacks one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.unlearning.patches import archive, manifest
from core.unlearning.patches.archive import Archive, UnsafeArchiveError
from core.unlearning.patches.manifest import FileEntry, Provenance
from core.unlearning.patches.signing import Signer

ADAPTER, RECIPE, LORA_EXPORT = "adapter", "recipe", "lora_export"
REPORT, REPORT_HTML, README = "report.json", "report.html", "README.md"
FOLDERS = (ADAPTER, RECIPE, LORA_EXPORT)
SUFFIXES = (".json", ".safetensors", ".html", ".md", ".txt")
"""Nothing else goes into a bundle: no pickle, no code."""


@dataclass(frozen=True)
class Bundle:
    """A packed patch."""

    path: Path
    sha256: str
    size: int
    files: Mapping[str, FileEntry]


def build(
    workdir: Path,
    out: Path,
    *,
    report: Mapping[str, Any],
    report_html: str,
    readme: str,
    provenance: Provenance,
    signer: Signer,
) -> Bundle:
    """Pack `workdir/adapter`, and `workdir/recipe` and `workdir/lora_export` where they exist, with the texts given.

    The same arguments give the same bytes. Raises `ValueError` for a missing adapter or a file that may not go in.
    """
    members = _folder_members(workdir)
    members[REPORT] = json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    members[REPORT_HTML] = report_html.encode()
    members[README] = readme.encode()
    files = {name: _entry(content) for name, content in members.items()}
    signed = manifest.build(files, provenance, signer)
    archive.write(out, [(manifest.NAME, signed), *sorted(members.items())])
    packed = _entry(out)
    return Bundle(out, packed.sha256, packed.size, files)


def extract(path: Path, out: Path, *, folder: str | None = None) -> None:
    """Unpack a bundle (or one of its folders) into the new or empty directory `out`.

    Members with unsafe names, links and bombs raise `UnsafeArchiveError`; whether the content is genuine is
    `verify`'s to say.
    """
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise UnsafeArchiveError("The directory to unpack into is not empty.")
    with Archive(path) as opened:
        for name in opened.sizes:
            if folder is not None and not name.startswith(f"{folder}/"):
                continue
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(name) as member, target.open("xb") as stream:
                stream.writelines(member.chunks())


def _folder_members(workdir: Path) -> dict[str, bytes | Path]:
    members: dict[str, bytes | Path] = {}
    for folder in FOLDERS:
        for path in sorted((workdir / folder).rglob("*")):
            name = path.relative_to(workdir).as_posix()
            if path.is_symlink() or (path.is_file() and path.suffix not in SUFFIXES):
                raise ValueError(f"{name} may not go into a patch")
            if path.is_file():
                members[name] = path
    if not any(name.startswith(f"{ADAPTER}/") for name in members):
        raise ValueError("there is no adapter to pack")
    return members


def _entry(content: bytes | Path) -> FileEntry:
    if isinstance(content, bytes):
        return FileEntry(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    with content.open("rb") as stream:
        return FileEntry(sha256=hashlib.file_digest(stream, "sha256").hexdigest(), size=content.stat().st_size)
