"""The files of a data set: in its folder, or all in one `files.zip` beside the list."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.unlearning.errors import ModelLoadError

ARCHIVE = "files.zip"
MAX_BYTES = 100_000_000
"""Of one file."""


class Files(Protocol):
    """Where the files of a data set are."""

    def has(self, name: str) -> bool:
        """Whether there is such a file, inside the data set and no larger than may be read."""

    def read(self, name: str) -> bytes:
        """Its content. Raises `ModelLoadError` where it cannot be read any more."""


def files_of(folder: Path) -> Files:
    """The archive where there is one, else the folder."""
    path = folder / ARCHIVE
    if not path.exists():
        return _Folder(folder.resolve())
    try:
        return _Archive(zipfile.ZipFile(path))
    except (OSError, zipfile.BadZipFile):
        raise _unreadable(f"{ARCHIVE} is not a readable zip file") from None


@dataclass(frozen=True)
class _Folder:
    root: Path

    def has(self, name: str) -> bool:
        path = (self.root / name).resolve()
        return path.is_relative_to(self.root) and path.is_file() and path.stat().st_size <= MAX_BYTES

    def read(self, name: str) -> bytes:
        try:
            return (self.root / name).read_bytes()
        except OSError:
            raise _unreadable("a file of it cannot be read") from None


@dataclass(frozen=True)
class _Archive:
    opened: zipfile.ZipFile

    def has(self, name: str) -> bool:
        entry = self.opened.NameToInfo.get(name)
        return entry is not None and not entry.is_dir() and entry.file_size <= MAX_BYTES

    def read(self, name: str) -> bytes:
        try:
            return self.opened.read(name)
        except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile):
            raise _unreadable("a file of it cannot be read") from None


def _unreadable(what: str) -> ModelLoadError:
    return ModelLoadError(f"the model's retain set cannot be used: {what}", code="invalid_retain_set")
