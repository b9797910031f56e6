"""The outbox: deliveries are written by the transaction in which something happens, and sent once it has committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.db.engine import db_now
from core.service.db.tables.jobs import Job
from core.service.db.tables.webhooks import WebhookDelivery, WebhookEndpoint
from core.service.kit.ids import new_id
from core.service.webhooks.types import EVENT_TYPES


def job_changed(s: Session, job_id: str, status: str) -> None:
    """Tell of a job's new status. Not every status is an event: a queued job has only been asked for."""
    if f"job.{status}" in EVENT_TYPES:
        emit(s, job_id, f"job.{status}", {"status": status})


def emit(s: Session, job_id: str, type: str, more: Mapping[str, Any]) -> None:
    """Write one delivery for each endpoint of the job's tenant that wants this type of event.

    What is told is the job's id, attempt, verdict and `external_id`, and `more`: nothing of the subject.
    """
    if type not in EVENT_TYPES:
        raise ValueError(f"{type} is not an event type")
    told = Job.tenant_id, Job.attempt, Job.verdict, Job.external_id
    job = s.execute(select(*told).where(Job.id == job_id)).one()
    at = db_now(s)
    data = {"job_id": job_id, "attempt": job.attempt, "verdict": job.verdict, "external_id": job.external_id, **more}
    for endpoint_id in _listening(s, job.tenant_id, type):
        row = WebhookDelivery(
            id=new_id("whd"),
            endpoint_id=endpoint_id,
            job_id=job_id,
            type=type,
            data=data,
            created_at=at,
            next_attempt_at=at,
        )
        s.add(row)
    s.flush()


def redact(s: Session, job_id: str) -> None:
    """Take what a sender wrote in free text out of a job's deliveries, sent or not. The events stay."""
    for row in s.execute(select(WebhookDelivery).where(WebhookDelivery.job_id == job_id)).scalars():
        row.data = {**row.data, "external_id": None}


def _listening(s: Session, tenant: str, type: str) -> list[str]:
    """Locked against being deleted until the transaction ends: a job's own change must not fail over a webhook."""
    active = WebhookEndpoint.tenant_id == tenant, WebhookEndpoint.disabled_at.is_(None)
    query = select(WebhookEndpoint.id, WebhookEndpoint.events).where(*active).order_by(WebhookEndpoint.id)
    found = s.execute(query.with_for_update(read=True, key_share=True))
    return [row.id for row in found if row.events is None or type in row.events]
