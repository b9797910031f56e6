"""Looking for what somebody did to the log: an edit, an entry that is missing, an end that was cut off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core.service.audit.anchors import Anchor, anchors
from core.service.audit.chain import GENESIS, entry_hash, head_message
from core.service.context import Services
from core.service.db.engine import keyring_of
from core.service.db.tables.audit import AuditEntry, AuditHead
from core.service.storage.port import StoreError

_AT_A_TIME = 1000


@dataclass(frozen=True)
class Fault:
    """Something that no honest run leaves behind. `number` is the entry at which it shows."""

    tenant: str
    number: int | None
    problem: str


@dataclass(frozen=True)
class Verdict:
    """`entries` were looked at, in `tenants` chains, against `anchors` anchors."""

    entries: int
    tenants: int
    anchors: int
    faults: list[Fault]

    @property
    def ok(self) -> bool:
        """Whether the log is whole."""
        return not self.faults


@dataclass
class _Chain:
    tenant: str
    count: int = 0
    hash: str = GENESIS
    hashes: dict[int, str] = field(default_factory=dict)
    """The hashes at the numbers that anchors name."""


def verify(services: Services) -> Verdict:
    """Go through every entry of every tenant. Reads one consistent state; the service may go on meanwhile."""
    known, faults = _anchors(services)
    with services.db.read() as session:
        _hold_still(session)
        tenants = _tenants(session) | set(known)
        checked = 0
        for tenant in sorted(tenants):
            chain = _Chain(tenant)
            faults += _entries(session, chain, {anchor.count for anchor in known[tenant]})
            faults += _head(session, chain, anchored=bool(known[tenant]))
            faults += _against(chain, known[tenant])
            checked += chain.count
    return Verdict(checked, len(tenants), sum(map(len, known.values())), faults)


def _hold_still(s: Session) -> None:
    """SQLite shows a session one state anyway."""
    if s.get_bind().dialect.name == "postgresql":
        s.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _anchors(services: Services) -> tuple[dict[str, list[Anchor]], list[Fault]]:
    """By tenant, and what is wrong with them. Read before the entries, which may only have become more since."""
    found: dict[str, list[Anchor]] = defaultdict(list)
    faults = []
    try:
        for each in anchors(services):
            if each.genuine:
                found[each.tenant].append(each)
            else:
                faults.append(Fault(each.tenant, None, "an anchor in the store was not written by this service"))
    except StoreError as error:
        faults.append(Fault("", None, f"the anchors in the store cannot be read ({type(error).__name__})"))
    return found, faults


def _tenants(s: Session) -> set[str]:
    heads = s.execute(select(AuditHead.tenant_id)).scalars()
    return set(heads) | set(s.execute(select(AuditEntry.tenant_id).distinct()).scalars())


def _entries(s: Session, chain: _Chain, wanted: set[int]) -> Iterator[Fault]:
    """Walks the chain. After a fault it goes on from what the entry says of itself, so that each is told once."""
    query = select(*AuditEntry.__table__.columns).where(AuditEntry.tenant_id == chain.tenant)
    for row in s.execute(query.order_by(AuditEntry.number).execution_options(yield_per=_AT_A_TIME)):
        if row.number != chain.count + 1:
            missing = f"{chain.count + 1} to {row.number - 1}"
            yield Fault(chain.tenant, row.number, f"entries are missing before this one: {missing}")
        elif not compare_digest(row.hash, _hash(chain.hash, row)):
            yield Fault(chain.tenant, row.number, "the entry, or the one before it, was changed")
        chain.count, chain.hash = row.number, row.hash
        if row.number in wanted:
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


def _head(s: Session, chain: _Chain, *, anchored: bool) -> Iterator[Fault]:
    head = s.get(AuditHead, chain.tenant)
    if head is None:
        yield Fault(chain.tenant, None, "the head of the chain is missing")
        return
    if head.count != chain.count or head.hash != chain.hash:
        yield Fault(chain.tenant, chain.count, f"the log ends here, and its head says {head.count} entries")
    if head.mac is None:
        # Only a log from before the chain may be without a seal, until its next entry.
        if anchored:
            yield Fault(chain.tenant, None, "the seal of the head was taken away")
        return
    seal = keyring_of(s).mac("audit", head_message(head.tenant_id, head.count, head.hash))
    if not compare_digest(head.mac, seal):
        yield Fault(chain.tenant, None, "the head was written by another hand, now or at some time before")


def _against(chain: _Chain, known: list[Anchor]) -> Iterator[Fault]:
    for anchor in known:
        if anchor.count > chain.count:
            yield Fault(chain.tenant, chain.count, f"the log ends here, and an anchor knew {anchor.count} entries")
        elif chain.hashes.get(anchor.count) != anchor.hash:
            yield Fault(chain.tenant, anchor.count, "an anchor knew another entry at this place")
