"""What one entry's hash is made of. Anyone with the entries can compute it; only the head of a chain needs a key.

An entry's hash is the SHA-256 of its canonical JSON, the hash of the entry before it included.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
"""Stands before the first entry."""


def entry_hash(
    previous: str,
    *,
    tenant: str,
    number: int,
    at: datetime,
    actor: str,
    action: str,
    resource: str,
    details: Mapping[str, Any],
) -> str:
    """The hash in hex."""
    document = {
        "previous": previous,
        "tenant": tenant,
        "number": number,
        "at": written(at),
        "actor": actor,
        "action": action,
        "resource": resource,
        "details": details,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def written(at: datetime) -> str:
    """A moment, always in the same letters."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def head_message(tenant: str, count: int, hash: str) -> bytes:
    """What the key of the service vouches for: a tenant's chain has so many entries, and ends in this hash."""
    return json.dumps([tenant, count, hash]).encode()


def plain(value: Any) -> Any:
    """`value`, if every database gives it back as it was. Floats are refused: they may come back in other digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"{type(value).__name__} has no place in an audit entry")
