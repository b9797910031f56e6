"""Identifiers that sort by time of creation: a prefix and a ULID (48 bits of milliseconds, 80 random bits)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from core.service.kit.clock import now

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BODY_LENGTH = 26


def new_id(prefix: str) -> str:
    """A new identifier, e.g. `job_01J9Z3NDEKTSV4RRFFQ69G5FAV` for the prefix `job`."""
    value = int(now().timestamp() * 1000) << 80 | secrets.randbits(80)
    body = "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
    return f"{prefix}_{body}"


def created_at(identifier: str) -> datetime | None:
    """When an identifier of `new_id` was created; None for any other string."""
    body = identifier.rpartition("_")[2]
    if len(body) != _BODY_LENGTH or not set(body) <= set(_ALPHABET) or body[0] > "7":
        return None
    value = 0
    for letter in body:
        value = value << 5 | _ALPHABET.index(letter)
    try:
        return datetime.fromtimestamp((value >> 80) / 1000, UTC)
    except (OverflowError, ValueError):
        return None
