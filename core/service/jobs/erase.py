"""Erases what a job holds: its key in the transaction, and the objects after the transaction has committed."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from sqlalchemy import delete
from sqlalchemy.orm import Session

from core.service import idempotency
from core.service.context import Services
from core.service.db.engine import after_commit, db_now
from core.service.db.tables.jobs import Artifact, Job
from core.service.files.service import detach, erase_content
from core.service.jobs import checkpoints
from core.service.jobs.artifacts import job_prefix, of_jobs
from core.service.jobs.inputs import input_prefix
from core.service.jobs.requests.records import forget_texts
from core.service.storage.erase import erase_prefix
from core.service.webhooks import outbox

_KEPT_OF_PLAN = ("method", "level")
"""Options of a method may be free text, such as what to draw instead."""


def erase_inputs(services: Services, s: Session, job: Job) -> None:
    """Erase the job's data key, its inputs, and the files that only it used. `job` must be locked and have ended."""
    job.wrapped_key = None
    job.inputs_erased_at = job.inputs_erased_at or db_now(s)
    s.flush()
    erase_content(services, s, detach(s, job.id))
    after_commit(s, partial(erase_prefix, services.storage, input_prefix(job.id)))
    after_commit(s, services.db.truncate_wal)


KEPT_AT_EXPIRY = ("patch.zip", "certificate.json")
"""Neither names anybody. Whoever was forgotten must stay so when patches are put together years later, and the
certificate is the evidence; both go when the job is deleted on purpose.
"""


def erase_job(services: Services, s: Session, job: Job, keep: Collection[str] = ()) -> None:
    """Erase all but a tombstone: ids, times, method, verdict, digests of what was erased; and the artefacts to `keep`.

    The sender's free text is erased, too: it may be about a person. `job` must be locked and have ended.
    """
    artifacts = of_jobs(s, [job.id])[job.id]
    kept = [row.storage_key for row in artifacts if row.name in keep]
    erase_inputs(services, s, job)
    idempotency.redact(s, job.id)
    outbox.redact(s, job.id)
    erased = {row.name: row.sha256 for row in artifacts if row.storage_key not in kept}
    job.erased_artifacts = {**(job.erased_artifacts or {}), **erased}
    s.execute(delete(Artifact).where(Artifact.job_id == job.id, Artifact.storage_key.not_in(kept)))
    checkpoints.drop(s, job.id)
    job.deleted_at = job.deleted_at or db_now(s)
    job.external_id, job.job_metadata, job.evaluation, job.request_id = None, {}, None, None
    job.plan = {name: value for name, value in job.plan.items() if name in _KEPT_OF_PLAN}
    job.version += 1
    s.flush()
    forget_texts(s, job.erasure_request_id)
    after_commit(s, partial(erase_prefix, services.storage, job_prefix(job.id), kept))
