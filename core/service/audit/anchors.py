"""The head of each chain, copied to the object store: whoever truncates a chain by SQL cannot change the copy.

There is one object for each day and tenant, replaced while the chain grows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from core.service.audit.chain import head_message
from core.service.context import Services
from core.service.crypto.keyring import Keyring
from core.service.db.engine import keyring_of
from core.service.db.tables.audit import AuditEntry, AuditHead
from core.service.kit.clock import now
from core.service.storage.port import StoreError

EVERY = timedelta(minutes=1)
PREFIX = "audit/"
BATCH = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Anchor:
    """The head of a chain at some time. `genuine`: it was written with the key of the service."""

    tenant: str
    count: int
    hash: str
    genuine: bool


def anchor(services: Services) -> int:
    """Store the heads of chains that have grown since an anchor that is older than `EVERY`. Returns their number."""
    due = or_(AuditHead.anchored_at.is_(None), AuditHead.anchored_at < now() - EVERY)
    grown = select(AuditHead).where(AuditHead.count > AuditHead.anchored, due)
    with services.db.read() as session:
        heads = list(session.execute(grown.order_by(AuditHead.tenant_id).limit(BATCH)).scalars())
    return sum(_store(services, head) for head in heads)


def read_anchors(services: Services) -> Iterator[Anchor]:
    """Every anchor in the store. Raises `StoreError`."""
    with services.db.read() as session:
        keyring = keyring_of(session)
    for key in services.storage.list(PREFIX):
        yield _parsed(keyring, services.storage.read(key))


def is_behind(services: Services) -> bool:
    """Whether the store's newest anchors say what this database does not hold: it is older, or the store is another's.

    Raises `StoreError`.
    """
    with services.db.read() as session:
        keyring = keyring_of(session)
    newest = {key.rpartition("/")[0]: key for key in services.storage.list(PREFIX)}
    anchors = [_parsed(keyring, services.storage.read(key)) for key in newest.values()]
    with services.db.read() as session:
        return not all(_is_borne_out(session, anchor) for anchor in anchors)


def _is_borne_out(s: Session, anchor: Anchor) -> bool:
    entry = s.get(AuditEntry, (anchor.tenant, anchor.count)) if anchor.genuine else None
    return entry is not None and entry.hash == anchor.hash


def _store(services: Services, head: AuditHead) -> bool:
    moment = now()
    folder = hashlib.sha256(head.tenant_id.encode()).hexdigest()[:32]
    content = {"tenant": head.tenant_id, "count": head.count, "hash": head.hash, "at": moment.isoformat()}
    body = json.dumps({**content, "mac": (head.mac or b"").hex()}).encode()
    try:
        services.storage.put(f"{PREFIX}{folder}/{moment:%Y-%m-%d}.json", body)
    except StoreError as error:
        log.warning("audit_not_anchored", error=type(error).__name__)
        return False
    with services.db.write() as session:
        older = (AuditHead.tenant_id == head.tenant_id, AuditHead.anchored < head.count)
        session.execute(update(AuditHead).where(*older).values(anchored=head.count, anchored_at=moment))
    return True


def _parsed(keyring: Keyring, blob: bytes) -> Anchor:
    try:
        content = json.loads(blob)
        tenant, count, hash, mac = (
            str(content["tenant"]),
            int(content["count"]),
            str(content["hash"]),
            str(content["mac"]),
        )
        genuine = compare_digest(bytes.fromhex(mac), keyring.mac("audit", head_message(tenant, count, hash)))
    except (ValueError, KeyError, TypeError):
        return Anchor("", 0, "", genuine=False)
    return Anchor(tenant, count, hash, genuine)
