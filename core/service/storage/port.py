# ruff: noqa: N818 - states of an object
"""The one way to files: artefacts as they are, inputs encrypted before they come here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

CHUNK = 1 << 20
_KEY = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
MAX_KEY = 400


class StoreError(Exception):
    """The store does not answer, or refuses."""


class ObjectMissing(StoreError):
    """There is no object under this key."""


class ObjectCorrupt(StoreError):
    """What came back is not what was put."""


@dataclass(frozen=True)
class StoredObject:
    """What was put, as counted and hashed on the way."""

    key: str
    size: int
    sha256: str


class ObjectStore(Protocol):
    """A flat space of immutable objects. Keys look like `jobs/job_01…/attempts/1/patch.zip`. Safe to share by threads.

    Every method may raise `StoreError`.
    """

    def put(self, key: str, data: BinaryIO | bytes, *, size: int | None = None) -> StoredObject:
        """Store bytes, or a stream that can seek. The object appears whole, or not at all; an older one is replaced."""

    def open(
        self, key: str, *, offset: int = 0, length: int | None = None, sha256: str | None = None
    ) -> Iterator[bytes]:
        """The object's bytes in chunks. A missing object raises at the call, not at the first chunk.

        The whole of an object is checked as it passes, against `sha256`, or else what was noted at its `put`. Its
        last chunk comes only if that holds; otherwise `ObjectCorrupt`. A part of an object is not checked.
        """

    def read(self, key: str) -> bytes:
        """The whole object, checked."""

    def delete(self, key: str) -> None:
        """Remove an object. Removing what is not there is no error."""

    def list(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, in order."""

    def presign(self, key: str, *, filename: str, ttl: int) -> str | None:
        """A URL that a client may download from for `ttl` seconds; None where the store has no public endpoint."""

    def tidy(self) -> int:
        """Remove what killed writers left half written, which nobody sees but the disk. Returns how many there were."""

    def ping(self) -> None:
        """Raises `StoreError` when the store cannot be used."""


def checked(chunks: Iterator[bytes], sha256: str) -> Iterator[bytes]:
    """The chunks; the last is held back until the whole is known to be right, so that nobody takes it for right."""
    digest, held = hashlib.sha256(), b""
    for chunk in chunks:
        digest.update(chunk)
        if held:
            yield held
        held = chunk
    if digest.hexdigest() != sha256:
        raise ObjectCorrupt("the object is not what was stored")
    if held:
        yield held


def check_key(key: str) -> str:
    """The key, if it is one. Raises `ValueError` for anything that could leave its place."""
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        raise ValueError("not a storage key")
    return key
