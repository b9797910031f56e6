"""Secrets in files that only their owner may read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """The content of `path`; where there is no such file, `make()`, written with mode 0600.

    If several processes start at the same time, one of them writes, and all read the same.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8").strip()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _draft(path, make()) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)
    return path.read_text(encoding="utf-8").strip()


def replace(path: Path, content: str) -> None:
    """Replace the content of a file atomically, with mode 0600."""
    with _draft(path, content) as draft:
        os.replace(draft, path)


@contextlib.contextmanager
def _draft(path: Path, content: str) -> Iterator[Path]:
    """A temporary file beside `path`, synced to disk; deleted at the end unless it was moved."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
