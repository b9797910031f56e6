"""Detects tampering with the log: changed entries, missing entries, a truncated chain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core.service.audit.anchors import Anchor, read_anchors
from core.service.audit.chain import GENESIS, entry_hash, head_message
from core.service.context import Services
from core.service.db.engine import keyring_of
from core.service.db.tables.audit import AuditEntry, AuditHead
from core.service.storage.port import StoreError

_AT_A_TIME = 1000


@dataclass(frozen=True)
class AuditFault:
    """A trace of tampering. `number` is the entry at which it shows."""

    tenant: str
    number: int | None
    problem: str


@dataclass(frozen=True)
class AuditVerification:
    """The result of checking `entries` entries in `tenants` chains against `anchors` anchors."""

    entries: int
    tenants: int
    anchors: int
    faults: list[AuditFault]

    @property
    def ok(self) -> bool:
        """Whether no fault was found."""
        return not self.faults


@dataclass
class _Chain:
    tenant: str
    count: int = 0
    hash: str = GENESIS
    hashes: dict[int, str] = field(default_factory=dict)
    """The hashes of the entries whose numbers anchors name."""


def verify(services: Services) -> AuditVerification:
    """Check every entry of every tenant in one consistent snapshot. The service may go on meanwhile."""
    by_tenant, faults = _anchors(services)
    with services.db.read() as session:
        _read_one_snapshot(session)
        tenants = _tenants(session) | set(by_tenant)
        checked = 0
        for tenant in sorted(tenants):
            chain = _Chain(tenant)
            faults += _entries(session, chain, {anchor.count for anchor in by_tenant[tenant]})
            faults += _head(session, chain, anchored=bool(by_tenant[tenant]))
            faults += _against(chain, by_tenant[tenant])
            checked += chain.count
    return AuditVerification(checked, len(tenants), sum(map(len, by_tenant.values())), faults)


def _read_one_snapshot(s: Session) -> None:
    """SQLite always does."""
    if s.get_bind().dialect.name == "postgresql":
        s.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _anchors(services: Services) -> tuple[dict[str, list[Anchor]], list[AuditFault]]:
    """The anchors by tenant, and their faults. Read before the entries: chains only grow after an anchor."""
    by_tenant: dict[str, list[Anchor]] = defaultdict(list)
    faults = []
    try:
        for each in read_anchors(services):
            if each.genuine:
                by_tenant[each.tenant].append(each)
            else:
                faults.append(AuditFault(each.tenant, None, "an anchor in the store was not written by this service"))
    except StoreError as error:
        faults.append(AuditFault("", None, f"the anchors in the store cannot be read ({type(error).__name__})"))
    return by_tenant, faults


def _tenants(s: Session) -> set[str]:
    heads = s.execute(select(AuditHead.tenant_id)).scalars()
    return set(heads) | set(s.execute(select(AuditEntry.tenant_id).distinct()).scalars())


def _entries(s: Session, chain: _Chain, anchored: set[int]) -> Iterator[AuditFault]:
    """Walk the chain. After a fault the walk goes on from the entry as it is, so that each fault is reported once."""
    query = select(*AuditEntry.__table__.columns).where(AuditEntry.tenant_id == chain.tenant)
    for row in s.execute(query.order_by(AuditEntry.number).execution_options(yield_per=_AT_A_TIME)):
        if row.number != chain.count + 1:
            missing = f"{chain.count + 1} to {row.number - 1}"
            yield AuditFault(chain.tenant, row.number, f"entries are missing before this one: {missing}")
        elif not compare_digest(row.hash, _hash(chain.hash, row)):
            yield AuditFault(chain.tenant, row.number, "the entry, or the one before it, was changed")
        chain.count, chain.hash = row.number, row.hash
        if row.number in anchored:
            chain.hashes[row.number] = row.hash


def _hash(previous: str, row: Row[Any]) -> str:
    return entry_hash(
        previous,
        tenant=row.tenant_id,
        number=row.number,
        at=row.at,
        actor=row.actor,
        action=row.action,
        resource=row.resource,
        details=row.details,
    )


def _head(s: Session, chain: _Chain, *, anchored: bool) -> Iterator[AuditFault]:
    head = s.get(AuditHead, chain.tenant)
    if head is None:
        yield AuditFault(chain.tenant, None, "the head of the chain is missing")
        return
    if head.count != chain.count or head.hash != chain.hash:
        yield AuditFault(chain.tenant, chain.count, f"the log ends here, and its head says {head.count} entries")
    if head.mac is None:
        # Only a log that is older than the chain has no seal, until its next entry.
        if anchored:
            yield AuditFault(chain.tenant, None, "the seal of the head was taken away")
        return
    seal = keyring_of(s).mac("audit", head_message(head.tenant_id, head.count, head.hash))
    if not compare_digest(head.mac, seal):
        yield AuditFault(chain.tenant, None, "the head was written by another hand, now or at some time before")


def _against(chain: _Chain, anchors: list[Anchor]) -> Iterator[AuditFault]:
    for anchor in anchors:
        if anchor.count > chain.count:
            yield AuditFault(chain.tenant, chain.count, f"the log ends here, and an anchor knew {anchor.count} entries")
        elif chain.hashes.get(anchor.count) != anchor.hash:
            yield AuditFault(chain.tenant, anchor.count, "an anchor knew another entry at this place")
