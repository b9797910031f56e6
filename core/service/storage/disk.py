"""Objects as files in one folder. The first line of a file holds the SHA-256, so that one rename stores both.

Until the rename the file is a draft in a folder of its own, locked by its writer. A killed writer holds no lock.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from core.service.storage.port import CHUNK, ObjectCorrupt, ObjectMissing, StoredObject, StoreError, check_key, verified

_DRAFTS = ".drafts"
_HEADER = re.compile(rb"lethe object, sha256 ([0-9a-f]{64})\n")
_HEADER_SIZE = 86
_ATTEMPTS = 10


class DiskStore:
    """Atomic by rename, durable by fsync. Files are readable by their owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, data: BinaryIO | bytes, *, size: int | None = None) -> StoredObject:
        """See `ObjectStore`."""
        path = self._path(key)
        source = BytesIO(data) if isinstance(data, bytes) else data
        try:
            digest, written = self._write(path, source, size)
        except OSError as error:
            raise StoreError(f"the object could not be stored: {os.strerror(error.errno or 0)}") from None
        return StoredObject(key, written, digest)

    def open(
        self, key: str, *, offset: int = 0, length: int | None = None, sha256: str | None = None
    ) -> Iterator[bytes]:
        """See `ObjectStore`."""
        path = self._path(key)
        try:
            file = path.open("rb")
            stored = _stored_digest(file)
        except FileNotFoundError:
            raise ObjectMissing("there is no such object") from None
        except OSError as error:
            raise StoreError(f"the object could not be read: {os.strerror(error.errno or 0)}") from None
        chunks = _chunks(file, offset, length)
        return verified(chunks, sha256 or stored) if offset == 0 and length is None else chunks

    def read(self, key: str) -> bytes:
        """See `ObjectStore`."""
        return b"".join(self.open(key))

    def delete(self, key: str) -> None:
        """See `ObjectStore`. Folders that become empty are deleted, too."""
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"the object could not be deleted: {os.strerror(error.errno or 0)}") from None
        for parent in path.parents:
            if parent == self._root:
                break
            try:
                parent.rmdir()
            except OSError:
                break

    def list(self, prefix: str) -> Iterator[str]:
        """See `ObjectStore`."""
        base = self._root / prefix.rpartition("/")[0]
        names = (Path(folder) / name for folder, _, names in os.walk(base) for name in names)
        keys = (path.relative_to(self._root).as_posix() for path in names if path.parent.name != _DRAFTS)
        yield from sorted(key for key in keys if key.startswith(prefix))

    def presign(self, key: str, *, filename: str, ttl: int) -> str | None:  # noqa: ARG002 - the port
        """A folder has no public endpoint."""
        return None

    def tidy(self) -> int:
        """See `ObjectStore`."""
        return sum(map(_delete_draft, (self._root / _DRAFTS).glob("*")))

    def ping(self) -> None:
        """See `ObjectStore`."""
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=self._root):
                pass
        except OSError as error:
            raise StoreError(f"the folder cannot be written: {os.strerror(error.errno or 0)}") from None

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _write(self, path: Path, source: BinaryIO, size: int | None) -> tuple[str, int]:
        digest, written = hashlib.sha256(), 0
        with _draft(self._root / _DRAFTS) as (file, draft):
            file.seek(_HEADER_SIZE)
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                written += file.write(chunk)
            if size is not None and written != size:
                raise StoreError("the stream was not as long as it should have been")
            file.seek(0)
            file.write(_header(digest.hexdigest()))
            file.flush()
            os.fsync(file.fileno())
            _rename(draft, path)
        _sync_folder(path.parent)
        return digest.hexdigest(), written


def _header(sha256: str) -> bytes:
    return f"lethe object, sha256 {sha256}\n".encode()


def _stored_digest(file: BinaryIO) -> str:
    """The SHA-256 in the object's header."""
    header = _HEADER.fullmatch(file.read(_HEADER_SIZE))
    if header is None:
        file.close()
        raise ObjectCorrupt("what is stored there does not begin as an object")
    return header[1].decode()


def _chunks(file: BinaryIO, offset: int, length: int | None) -> Iterator[bytes]:
    left = length
    with file:
        file.seek(_HEADER_SIZE + offset)
        while chunk := file.read(CHUNK if left is None else min(CHUNK, left)):
            left = None if left is None else left - len(chunk)
            yield chunk


@contextlib.contextmanager
def _draft(folder: Path) -> Iterator[tuple[BinaryIO, str]]:
    """A new locked file and its name. It is deleted at the end unless it was renamed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        handle, name = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink == 0:
                # Before it was locked, another process took it for that of a killed writer and deleted it.
                continue
            try:
                yield file, name
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name)
            return


def _delete_draft(draft: Path) -> bool:
    """Delete a draft unless its writer holds the lock. Returns whether it was deleted."""
    try:
        with draft.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink()
    except OSError:
        return False
    return True


def _rename(draft: str, path: Path) -> None:
    """Rename a draft. A concurrent `delete` may remove the target's empty folder, so this tries again."""
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.replace(draft, path)
            return
    raise FileNotFoundError(errno.ENOENT, "the folder keeps vanishing")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
