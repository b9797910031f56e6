"""`Idempotency-Key`: a repeated request gets the first answer. The row is stored together with the work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.service.db.tables.idempotency import IdempotencyKey
from core.service.errors import IdempotencyInProgress, IdempotencyKeyReused, InvalidIdempotencyKey
from core.service.kit.clock import now

_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Replay:
    """The stored answer to the first request."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def begin(s: Session, tenant: str, key: str, fingerprint: str) -> Replay | None:
    """Claim `key` for this transaction, which must call `finish`; or return the answer to the first request.

    `fingerprint` is a SHA-256 in hex of method, path and content. Raises `IdempotencyKeyReused` where it differs from
    the first one, `IdempotencyInProgress` while the first request is still being served, `InvalidIdempotencyKey`.
    """
    _check_form(key)
    _lock_or_refuse(s, tenant, key)
    if _insert(s, tenant, key, fingerprint):
        return None
    replay = find(s, tenant, key, fingerprint)
    if replay is None:
        raise IdempotencyInProgress
    return replay


def find(s: Session, tenant: str, key: str, fingerprint: str) -> Replay | None:
    """The answer to the first request with this key. Raises `IdempotencyKeyReused`, `InvalidIdempotencyKey`."""
    _check_form(key)
    row = s.execute(select(IdempotencyKey).where(_matches(tenant, key))).scalar_one_or_none()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    if row.status is None or row.body is None:
        return None
    return Replay(row.status, row.body, row.headers or {})


def finish(s: Session, tenant: str, key: str, status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Store the answer."""
    answer = {"status": status, "body": dict(body), "headers": dict(headers), "resource_id": body.get("id")}
    s.execute(update(IdempotencyKey).where(_matches(tenant, key)).values(answer))


def redact(s: Session, resource_id: str) -> None:
    """Remove the sender's free text from stored answers. The answers stay, so that a repeat creates no second job."""
    for row in s.execute(select(IdempotencyKey).where(IdempotencyKey.resource_id == resource_id)).scalars():
        row.body = {**(row.body or {}), "metadata": {}, "external_id": None, "plan": {}}


def _check_form(key: str) -> None:
    if not _VISIBLE_ASCII.fullmatch(key):
        raise InvalidIdempotencyKey


def _insert(s: Session, tenant: str, key: str, fingerprint: str) -> bool:
    insert = postgresql.insert if s.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {"tenant_id": tenant, "key": key, "fingerprint": fingerprint, "created_at": now()}
    statement = insert(IdempotencyKey).values(values).on_conflict_do_nothing().returning(IdempotencyKey.key)
    return s.execute(statement).first() is not None


def _lock_or_refuse(s: Session, tenant: str, key: str) -> None:
    """On PostgreSQL a second insert would wait for the first transaction. On SQLite there is one writer at a time."""
    if s.get_bind().dialect.name != "postgresql":
        return
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(f"{tenant}\n{key}", 0))
    if not s.execute(select(lock)).scalar_one():
        raise IdempotencyInProgress


def _matches(tenant: str, key: str) -> Any:
    return (IdempotencyKey.tenant_id == tenant) & (IdempotencyKey.key == key)
