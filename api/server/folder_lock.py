"""One embedded server for each data folder: a second one would take the first one's job away."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = ".server"


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Hold the folder while the block runs; the lock ends with the process, however it ends.

    Raises `OSError` while another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / _FILE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(errno.EBUSY, "another server with a worker uses this data folder; stop it first") from None
        yield
