"""The hash of an entry: the SHA-256 of its canonical JSON, which includes the hash of the entry before it.

Anyone who has the entries can compute it. Only the head of a chain is sealed with a key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
"""The hash before the first entry."""


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
        "at": timestamp(at),
        "actor": actor,
        "action": action,
        "resource": resource,
        "details": details,
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def timestamp(at: datetime) -> str:
    """The canonical form of a time: ISO 8601 in UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def head_message(tenant: str, count: int, hash: str) -> bytes:
    """The bytes that are sealed: a tenant's chain has so many entries, and ends in this hash."""
    return json.dumps([tenant, count, hash]).encode()


def json_value(value: Any) -> Any:
    """`value`, if every database returns it unchanged. Raises `TypeError` for floats, whose last digits may change."""
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"{type(value).__name__} has no place in an audit entry")
