"""Deletes what attempts have left in the object store."""

from __future__ import annotations

from sqlalchemy import select, update

from core.service.context import Services
from core.service.db.tables.jobs import Artifact, Job
from core.service.jobs import checkpoints
from core.service.jobs.artifacts import job_prefix
from core.service.kit.clock import now
from core.service.storage.erase import erase_object
from core.service.storage.port import StoreError


def clean_attempts(services: Services, job_id: str) -> bool:
    """Delete all objects of an ended job except its artefacts. Returns whether the job is clean now.

    Objects of an attempt that begins meanwhile (after a retry) are not touched.
    """
    with services.db.read() as session:
        job = session.execute(select(Job.attempt, Job.finished_at).where(Job.id == job_id)).one()
        artifacts = set(session.execute(select(Artifact.storage_key).where(Artifact.job_id == job_id)).scalars())
    if job.finished_at is None:
        return False
    try:
        keys = [key for key in services.storage.list(job_prefix(job_id)) if _attempt(key) <= job.attempt]
    except StoreError:
        return False
    if sum(not erase_object(services.storage, key) for key in keys if key not in artifacts):
        return False
    with services.db.write() as session:
        same = (Job.id == job_id, Job.attempt == job.attempt, Job.finished_at.is_not(None))
        if session.execute(update(Job).where(*same).values(cleaned_at=now()).returning(Job.id)).first() is not None:
            checkpoints.drop(session, job_id)
    return True


def _attempt(key: str) -> int:
    """The number in `jobs/{id}/attempts/{n}/…`; 0 for other keys, which no attempt needs."""
    parts = key.split("/")
    return int(parts[3]) if len(parts) > 4 and parts[2] == "attempts" and parts[3].isdecimal() else 0
