"""Deleting what has no row any more. A store that is away is no reason to fail: the sweep comes by again."""

from __future__ import annotations

import structlog

from core.service.storage.port import ObjectStore, StoreError

log = structlog.get_logger(__name__)


def erase_object(store: ObjectStore, key: str) -> bool:
    """Delete one object. Returns whether it is gone."""
    try:
        store.delete(key)
    except StoreError as error:
        log.warning("object_not_deleted", key=key, error=str(error))
        return False
    return True


def erase_prefix(store: ObjectStore, prefix: str) -> bool:
    """Delete every object under `prefix`, which ends in a slash. Returns whether all are gone."""
    if not prefix.endswith("/"):
        raise ValueError("a prefix ends in a slash")
    try:
        return sum(not erase_object(store, key) for key in list(store.list(prefix))) == 0
    except StoreError as error:
        log.warning("prefix_not_listed", prefix=prefix, error=str(error))
        return False
