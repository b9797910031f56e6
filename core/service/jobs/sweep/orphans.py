"""Deletes objects that no row refers to, left by a rolled back transaction, an outage or a stalled worker."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import select

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


def sweep_orphans(services: Services) -> int:
    """Check the whole store, once an hour in each process. Returns how many objects were erased."""
    due = services.next_orphan_scan
    if time.monotonic() < due:
        return 0
    services.next_orphan_scan = time.monotonic() + EVERY_SECONDS
    try:
        return sum(_sweep_root(services, root) for root in _ROOTS)
    except StoreError:
        return 0


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
