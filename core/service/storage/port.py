# ruff: noqa: N818 - these name the state of an object
"""The interface of object stores. Artefacts are stored as they are; inputs are encrypted before they come here."""

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
    """The store does not answer, or refuses the request."""


class ObjectMissing(StoreError):
    """There is no object under this key."""


class ObjectCorrupt(StoreError):
    """The content does not match its digest."""


@dataclass(frozen=True)
class StoredObject:
    """A stored object, with the size and digest of what was written."""

    key: str
    size: int
    sha256: str


class ObjectStore(Protocol):
    """A flat namespace of immutable objects. Keys look like `jobs/job_01…/attempts/1/patch.zip`. Thread-safe.

    Every method may raise `StoreError`.
    """

    def put(self, key: str, data: BinaryIO | bytes, *, size: int | None = None) -> StoredObject:
        """Store bytes or a seekable stream. The object appears complete or not at all; an older one is replaced."""

    def open(
        self, key: str, *, offset: int = 0, length: int | None = None, sha256: str | None = None
    ) -> Iterator[bytes]:
        """The object's bytes in chunks. For a missing object the call raises, not the first chunk.

        A whole object is verified as it is read, against `sha256` or else the digest that `put` stored. If it differs
        `ObjectCorrupt` is raised in place of the last chunk. A part of an object is not verified.
        """

    def read(self, key: str) -> bytes:
        """The whole object, verified."""

    def delete(self, key: str) -> None:
        """Delete an object. Deleting a missing object is no error."""

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted."""

    def presign(self, key: str, *, filename: str, ttl: int) -> str | None:
        """A URL for downloads during `ttl` seconds; None if the store has no public endpoint."""

    def tidy(self) -> int:
        """Delete incomplete objects of writers that were killed. Returns how many there were."""

    def ping(self) -> None:
        """Raises `StoreError` if the store cannot be used."""


def verified(chunks: Iterator[bytes], sha256: str) -> Iterator[bytes]:
    """The chunks. The last one is held back until the digest of the whole is verified."""
    digest, pending = hashlib.sha256(), b""
    for chunk in chunks:
        digest.update(chunk)
        if pending:
            yield pending
        pending = chunk
    if digest.hexdigest() != sha256:
        raise ObjectCorrupt("the object is not what was stored")
    if pending:
        yield pending


def check_key(key: str) -> str:
    """The key, if it is valid. Raises `ValueError` for one that could leave the store's folder."""
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        raise ValueError("not a storage key")
    return key
