"""Small secrets in files that only their owner may read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """The content of `path`; where there is no such file, `make()`, written with mode 0600.

    Of several processes that start at once one writes, and all read the same.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8").strip()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _draft(path, make()) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)
    return path.read_text(encoding="utf-8").strip()


def replace(path: Path, content: str) -> None:
    """Put another content in place of a file's, at once and with mode 0600."""
    with _draft(path, content) as draft:
        os.replace(draft, path)


@contextlib.contextmanager
def _draft(path: Path, content: str) -> Iterator[Path]:
    """A file beside `path`, safely on disk; gone at the end, unless it was moved."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
