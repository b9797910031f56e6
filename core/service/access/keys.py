"""API keys: the secret is shown once, and stored and looked up as an HMAC."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from core.service.access.scopes import SCOPES
from core.service.access.secrets import new_secret, well_formed
from core.service.db.engine import keyring_of
from core.service.db.tables.access import ApiKey
from core.service.errors import Forbidden, InvalidRequest, KeyNotActive, NotFound, Unauthorized
from core.service.kit.clock import now as clock_now
from core.service.kit.ids import new_id

USE_RESOLUTION = timedelta(minutes=1)


@dataclass(frozen=True)
class Principal:
    """Who sends a request. `stale`: the recorded time of the key's last use is old; call `record_use`."""

    tenant_id: str
    key_id: str
    scopes: frozenset[str]
    stale: bool = False


def create_key(
    s: Session, tenant: str, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key, and its secret, which is not stored. Raises `InvalidRequest`."""
    if unknown := set(scopes) - set(SCOPES):
        raise InvalidRequest.one("/scopes", "unknown_scope", f"{len(unknown)} of the scopes are not known.")
    if expires_at is not None and expires_at <= clock_now():
        raise InvalidRequest.one("/expires_at", "expired", "expires_at must lie in the future.")
    return add_key(s, tenant, name, scopes, new_secret(), expires_at)


def add_key(
    s: Session, tenant: str, name: str, scopes: Sequence[str], secret: str, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Store a key with this secret."""
    row = ApiKey(
        id=new_id("key"),
        tenant_id=tenant,
        name=name,
        digest=digest(s, secret),
        scopes=sorted(set(scopes)),
        created_at=clock_now(),
        expires_at=expires_at,
    )
    s.add(row)
    s.flush()
    return row, secret


def authenticate(s: Session, secret: str, now: datetime) -> Principal:
    """The holder of this secret. Works in a read session. Raises the same `Unauthorized` for every reason."""
    if not well_formed(secret):
        raise Unauthorized
    mac = digest(s, secret)
    row = s.execute(select(ApiKey).where(ApiKey.digest == mac)).scalar_one_or_none()
    if row is None or not compare_digest(row.digest, mac) or not _active(row, now):
        raise Unauthorized
    stale = row.last_used_at is None or now - row.last_used_at >= USE_RESOLUTION
    return Principal(row.tenant_id, row.id, frozenset(row.scopes), stale)


def record_use(s: Session, principal: Principal, now: datetime) -> None:
    """Store that the key was used now. Its time of use is exact to a minute."""
    due = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= now - USE_RESOLUTION)
    s.execute(update(ApiKey).where(ApiKey.id == principal.key_id, due).values(last_used_at=now))


def require(principal: Principal, scope: str) -> None:
    """Raises `Forbidden` if the key lacks the scope."""
    if scope not in principal.scopes:
        raise Forbidden(f"The API key lacks the scope {scope}.", extra={"required_scope": scope})


def require_all(principal: Principal, scopes: Collection[str]) -> None:
    """Raises `Forbidden` where a key is to hand out a scope that it has not itself."""
    if missing := sorted(set(scopes) & set(SCOPES) - principal.scopes):
        raise Forbidden("An API key can hand out only scopes that it has.", extra={"required_scope": missing[0]})


def list_keys(s: Session, tenant: str) -> list[ApiKey]:
    """A tenant's keys, newest first, revoked ones included."""
    query = select(ApiKey).where(ApiKey.tenant_id == tenant).order_by(ApiKey.id.desc())
    return list(s.execute(query).scalars())


def get_key(s: Session, tenant: str, key_id: str, *, lock: bool = False) -> ApiKey:
    """One key. Raises `NotFound`."""
    query = select(ApiKey).where(ApiKey.tenant_id == tenant, ApiKey.id == key_id)
    row = s.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row


def revoke_key(s: Session, tenant: str, key_id: str) -> ApiKey:
    """End a key now. Revoking it again changes nothing. Raises `NotFound`."""
    row = get_key(s, tenant, key_id)
    if row.revoked_at is None:
        row.revoked_at = clock_now()
        s.flush()
    return row


def rotate_key(
    s: Session, tenant: str, key_id: str, overlap: timedelta, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key of the same scopes, and its secret. The old key expires after `overlap`, or earlier if it was to.

    Without `expires_at` the new key gets the lifetime of the old one. Raises `NotFound`, `KeyNotActive`.
    """
    old, at = get_key(s, tenant, key_id, lock=True), clock_now()
    if not _active(old, at):
        raise KeyNotActive
    if expires_at is None and old.expires_at is not None:
        expires_at = at + (old.expires_at - old.created_at)
    until = at + overlap
    old.expires_at = until if old.expires_at is None else min(until, old.expires_at)
    return create_key(s, tenant, old.name, old.scopes, expires_at)


def _active(key: ApiKey, at: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > at)


def digest(s: Session, secret: str) -> bytes:
    """The HMAC that is stored in place of a secret."""
    return keyring_of(s).mac("api-key", secret.encode())
