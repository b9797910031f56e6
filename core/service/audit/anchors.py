"""The head of each chain, kept in the object store as well: whoever cuts the end off a chain cannot reach there by SQL.

One object a day and tenant, written again while the chain grows.
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

from core.service.audit.chain import head_message
from core.service.context import Services
from core.service.crypto.keyring import Keyring
from core.service.db.engine import keyring_of
from core.service.db.tables.audit import AuditHead
from core.service.kit.clock import now
from core.service.storage.port import StoreError

EVERY = timedelta(minutes=1)
PREFIX = "audit/"
BATCH = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Anchor:
    """What a chain was at some moment. Not `genuine`: the key of the service did not write this."""

    tenant: str
    count: int
    hash: str
    genuine: bool


def anchor(services: Services, *, at_once: bool = False) -> int:
    """Store the heads of chains that have grown and were not anchored within `EVERY`. Returns their number."""
    grown = select(AuditHead).where(AuditHead.count > AuditHead.anchored)
    if not at_once:
        late = AuditHead.anchored_at < now() - EVERY
        grown = grown.where(or_(AuditHead.anchored_at.is_(None), late))
    with services.db.read() as session:
        heads = list(session.execute(grown.order_by(AuditHead.tenant_id).limit(BATCH)).scalars())
    return sum(_store(services, head) for head in heads)


def anchors(services: Services) -> Iterator[Anchor]:
    """Every anchor in the store. Raises `StoreError`."""
    with services.db.read() as session:
        keyring = keyring_of(session)
    for key in services.storage.list(PREFIX):
        yield _parsed(keyring, services.storage.read(key))


def _store(services: Services, head: AuditHead) -> bool:
    moment = now()
    folder = hashlib.sha256(head.tenant_id.encode()).hexdigest()[:32]
    said = {"tenant": head.tenant_id, "count": head.count, "hash": head.hash, "at": moment.isoformat()}
    body = json.dumps({**said, "mac": (head.mac or b"").hex()}).encode()
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
        said = json.loads(blob)
        tenant, count, hash, mac = str(said["tenant"]), int(said["count"]), str(said["hash"]), str(said["mac"])
        genuine = compare_digest(bytes.fromhex(mac), keyring.mac("audit", head_message(tenant, count, hash)))
    except (ValueError, KeyError, TypeError):
        return Anchor("", 0, "", genuine=False)
    return Anchor(tenant, count, hash, genuine)
