"""The folder in which an attempt works: locked by its process, so that what a killed one leaves can be told and erased.

It holds adapters that are not encrypted.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import structlog

WORK = "work"
"""The folder of these folders, in the data folder."""
_LOCK = ".lock"

log = structlog.get_logger(__name__)


@contextmanager
def working_in(root: Path, name: str) -> Iterator[Path]:
    """A folder of that name, which is gone when the block ends. First, what killed processes have left is erased."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    clear_abandoned(root)
    folder, lock = root / name, root / f"{name}{_LOCK}"
    with _locked(lock):
        folder.mkdir(exist_ok=True, mode=0o700)
        try:
            yield folder
        finally:
            _erase(folder, lock)


def clear_abandoned(root: Path) -> None:
    """Erase every folder of an attempt whose process is gone."""
    names = {path.name.removesuffix(_LOCK) for path in root.glob("*")}
    for name in sorted(names):
        lock = root / f"{name}{_LOCK}"
        with lock.open("ab") as file:
            if _is_free(file):
                _erase(root / name, lock)
                log.warning("work_folder_erased")


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    while True:
        with lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Before it was locked, another process may have taken it for an abandoned one and erased it.
            if os.fstat(file.fileno()).st_nlink:
                yield
                return


def _is_free(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _erase(folder: Path, lock: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.unlink(missing_ok=True)
