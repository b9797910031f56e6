"""Deletes objects that no row refers to any more. Errors are only logged: the sweep tries again."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from core.service.storage.port import ObjectStore, StoreError

log = structlog.get_logger(__name__)


def erase_object(store: ObjectStore, key: str) -> bool:
    """Delete an object. Returns whether it is deleted."""
    try:
        store.delete(key)
    except StoreError as error:
        log.warning("object_not_deleted", key=key, error=str(error))
        return False
    return True


def erase_prefix(store: ObjectStore, prefix: str, kept: Collection[str] = ()) -> bool:
    """Delete all objects under `prefix`, which must end in a slash, but for `kept`. Returns whether all are deleted."""
    if not prefix.endswith("/"):
        raise ValueError("a prefix ends in a slash")
    try:
        return sum(not erase_object(store, key) for key in list(store.list(prefix)) if key not in kept) == 0
    except StoreError as error:
        log.warning("prefix_not_listed", prefix=prefix, error=str(error))
        return False
