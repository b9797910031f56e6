"""A keyed hash of a subject's name: shows, to whoever knows the name and has the key, that there was a request."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.db.engine import keyring_of
from core.service.db.tables.audit import AuditEntry

_BYTES = 16


def mark(s: Session, tenant: str, name: str) -> str:
    """The hash in hex. Case, spacing and Unicode's ways to write the same letters make no difference."""
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return keyring_of(s).mac("subject", f"{tenant}\n{plain}".encode())[:_BYTES].hex()


def subjects_among(s: Session, tenant: str, job_ids: Iterable[str], names: Iterable[str]) -> set[str]:
    """Which of these names one of the jobs was about, also when its request has been erased. Aliases do not count."""
    subject = AuditEntry.details["subject"].as_string()
    query = select(subject).where(AuditEntry.tenant_id == tenant, AuditEntry.action == "job.created")
    marks = set(s.execute(query.where(AuditEntry.resource.in_(list(job_ids)))).scalars())
    return {name for name in names if mark(s, tenant, name) in marks}


def requests_about(s: Session, tenant: str, name: str) -> list[AuditEntry]:
    """The entries of requests about this name, oldest first, those included whose jobs were erased."""
    same = AuditEntry.details["subject"].as_string() == mark(s, tenant, name)
    query = select(AuditEntry).where(AuditEntry.tenant_id == tenant, AuditEntry.action == "job.created", same)
    return list(s.execute(query.order_by(AuditEntry.number)).scalars())
