"""Deletes objects that no row refers to, left by a rolled back transaction, an outage or a stalled worker.

None is deleted where the audit anchors in the store know more than the database: that is then an older one, or another
installation's, and what it does not know may be all that there is.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import groupby

import structlog
from sqlalchemy import select

from core.service import audit
from core.service.context import Services
from core.service.db.tables.files import File
from core.service.db.tables.jobs import Artifact, Job
from core.service.kit.clock import now
from core.service.kit.ids import created_at
from core.service.storage.erase import erase_object
from core.service.storage.port import StoreError

EVERY_SECONDS = 3600.0
GRACE = timedelta(hours=1)
"""Younger objects may belong to a transaction that has not committed yet."""
_ROOTS = ("inputs/", "files/", "jobs/")

log = structlog.get_logger(__name__)


def sweep_orphans(services: Services) -> int:
    """Check the whole store, once an hour in each process. Returns how many objects were erased."""
    due = services.next_orphan_scan
    if time.monotonic() < due:
        return 0
    services.next_orphan_scan = time.monotonic() + EVERY_SECONDS
    try:
        if audit.is_behind(services):
            log.error("orphans_kept", reason="the audit anchors in the store are not of this database")
            return 0
        erased = sum(_sweep_root(services, root) for root in _ROOTS)
    except StoreError as error:
        log.warning("orphans_not_sought", error=type(error).__name__)
        return 0
    if erased:
        log.warning("orphans_erased", objects=erased)
        with services.db.write() as session:
            audit.record(session, audit.INSTALLATION, audit.SYSTEM, "orphans.erased", "store", {"objects": erased})
    return erased


def _sweep_root(services: Services, root: str) -> int:
    erased = 0
    for owner, keys in groupby(list(services.storage.list(root)), key=lambda key: key.split("/")[1]):
        needed = _needed(services, root, owner)
        erased += sum(erase_object(services.storage, key) for key in keys if needed is not None and key not in needed)
    return erased


def _needed(services: Services, root: str, owner: str) -> set[str] | None:
    """The objects of a job or file that rows refer to; None: keep all, since that is not known or it is too early."""
    created = created_at(owner)
    if created is None or created > now() - GRACE:
        return None
    with services.db.read() as session:
        if root == "files/":
            return None if session.get(File, owner) is not None else set()
        job = session.get(Job, owner)
        if root == "inputs/":
            return None if job is not None and job.wrapped_key is not None else set()
        if job is not None and not _long_ended(job.finished_at):
            return None
        return set(session.execute(select(Artifact.storage_key).where(Artifact.job_id == owner)).scalars())


def _long_ended(finished_at: datetime | None) -> bool:
    return finished_at is not None and finished_at < now() - GRACE
