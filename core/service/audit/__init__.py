"""The audit log: who did what to which resource, and when. Entries are only ever added, each tenant's in a chain."""

from core.service.audit.anchors import anchor, is_behind
from core.service.audit.pages import AuditFilters, AuditPage, AuditView, list_entries
from core.service.audit.record import INSTALLATION, SYSTEM, record
from core.service.audit.verify import AuditFault, AuditVerification, verify

__all__ = [
    "INSTALLATION",
    "SYSTEM",
    "AuditFault",
    "AuditFilters",
    "AuditPage",
    "AuditVerification",
    "AuditView",
    "anchor",
    "is_behind",
    "list_entries",
    "record",
    "verify",
]
