"""The public keys of this installation's signatures: present, past, withdrawn. Private keys are never stored here."""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest

import structlog
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.service import audit
from core.service.db.engine import keyring_of
from core.service.db.tables.keys import SigningKey
from core.service.errors import NotFound
from core.service.kit.clock import now

log = structlog.get_logger(__name__)


def publish(s: Session, key_id: str, public_key: bytes) -> None:
    """Publish a key, once. Needs a write session."""
    into = postgresql.insert if s.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {"key_id": key_id, "public_key": public_key, "added_at": now(), "mac": _mac(s, key_id, public_key)}
    added = into(SigningKey).values(values).on_conflict_do_nothing().returning(SigningKey.key_id)
    if s.execute(added).first() is not None:
        audit.record(s, audit.INSTALLATION, audit.SYSTEM, "signing_key.added", key_id)


def published(s: Session) -> dict[str, bytes]:
    """Public keys that verify, by key id, the newest first. A row that the service has not written is left out."""
    return {row.key_id: row.public_key for row in _rows(s) if row.withdrawn_at is None}


def withdrawn(s: Session) -> dict[str, datetime]:
    """When each key that verifies no more was withdrawn, by key id."""
    return {row.key_id: row.withdrawn_at for row in _rows(s) if row.withdrawn_at is not None}


def withdraw(s: Session, key_id: str, actor: str) -> None:
    """Let a key verify no more: whoever has it could sign anything. Raises `NotFound`. Twice changes nothing."""
    row = next((row for row in _rows(s) if row.key_id == key_id), None)
    if row is None:
        raise NotFound
    if row.withdrawn_at is None:
        row.withdrawn_at = now()
        row.mac = _mac(s, row.key_id, row.public_key, is_withdrawn=True)
        audit.record(s, audit.INSTALLATION, actor, "signing_key.withdrawn", key_id)


def _rows(s: Session) -> list[SigningKey]:
    rows = s.execute(select(SigningKey).order_by(SigningKey.added_at.desc(), SigningKey.key_id)).scalars()
    return [row for row in rows if _genuine(s, row)]


def _genuine(s: Session, row: SigningKey) -> bool:
    if compare_digest(row.mac, _mac(s, row.key_id, row.public_key, is_withdrawn=row.withdrawn_at is not None)):
        return True
    log.error("signing_key_not_ours", key_id=row.key_id)
    return False


def _mac(s: Session, key_id: str, public_key: bytes, *, is_withdrawn: bool = False) -> bytes:
    state = b"\nwithdrawn" if is_withdrawn else b""
    return keyring_of(s).mac("signing-key", key_id.encode() + b"\n" + public_key + state)
