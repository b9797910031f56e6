"""A keyed hash of a subject's name. With the name and the key one can find out that there was a request."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.db.engine import keyring_of
from core.service.db.tables.audit import AuditEntry

_BYTES = 16


def subject_hash(s: Session, tenant: str, name: str) -> str:
    """The hash in hex. Case, spacing and Unicode compatibility forms make no difference."""
    normal = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return keyring_of(s).mac("subject", f"{tenant}\n{normal}".encode())[:_BYTES].hex()


def subjects_among(s: Session, tenant: str, job_ids: Iterable[str], names: Iterable[str]) -> set[str]:
    """Those of `names` that were the subject of one of the jobs, even an erased one. Aliases do not count."""
    subject = AuditEntry.details["subject"].as_string()
    query = select(subject).where(AuditEntry.tenant_id == tenant, AuditEntry.action == "job.created")
    hashes = set(s.execute(query.where(AuditEntry.resource.in_(list(job_ids)))).scalars())
    return {name for name in names if subject_hash(s, tenant, name) in hashes}


def requests_about(s: Session, tenant: str, name: str) -> list[AuditEntry]:
    """The audit entries of requests about this name, oldest first, including those of erased jobs."""
    same = AuditEntry.details["subject"].as_string() == subject_hash(s, tenant, name)
    query = select(AuditEntry).where(AuditEntry.tenant_id == tenant, AuditEntry.action == "job.created", same)
    return list(s.execute(query.order_by(AuditEntry.number)).scalars())
