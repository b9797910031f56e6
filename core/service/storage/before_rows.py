"""Objects that are stored before the transaction with their rows, so that no transaction waits for the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.service.errors import ServiceError, Unavailable
from core.service.storage.erase import erase_object
from core.service.storage.port import ObjectStore, StoreError


class PendingObjects:
    """Objects whose rows are still to be added. `have_rows` is set by whoever adds these."""

    def __init__(self, store: ObjectStore) -> None:
        self._store, self._keys = store, list[str]()
        self.have_rows = False

    def put(self, key: str, data: bytes) -> None:
        """Store an object. Raises `StoreError`."""
        self._keys.append(key)
        self._store.put(key, data)

    def erase(self) -> None:
        """Erase all of them. Errors are only logged."""
        for key in self._keys:
            erase_object(self._store, key)


@contextmanager
def objects_before_rows(store: ObjectStore) -> Iterator[PendingObjects]:
    """Inside, objects are stored, and then the transaction adds their rows.

    They are erased if it adds none, as for a request that came before, if it is refused by a `ServiceError`, and where
    the store is away (`Unavailable`). After any other error nobody knows whether the rows are there: the sweep erases
    what has none. Without a row the key is lost anyway.
    """
    pending = PendingObjects(store)
    try:
        yield pending
    except ServiceError:
        pending.erase()
        raise
    except StoreError:
        pending.erase()
        raise Unavailable("The object store does not answer.") from None
    if not pending.have_rows:
        pending.erase()
