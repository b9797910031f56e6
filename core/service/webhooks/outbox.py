"""The outbox: deliveries are written by the transaction that changes a job, and sent after it has committed."""

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
    """Write the deliveries about a job's new status. Not every status is an event: `queued` is not."""
    if f"job.{status}" in EVENT_TYPES:
        emit(s, job_id, f"job.{status}", {"status": status})


def emit(s: Session, job_id: str, type: str, more: Mapping[str, Any]) -> None:
    """Write a delivery for each endpoint of the job's tenant that subscribes to this type of event.

    It holds the job's id, attempt, verdict and `external_id`, and `more`: nothing about the subject.
    """
    if type not in EVENT_TYPES:
        raise ValueError(f"{type} is not an event type")
    columns = Job.tenant_id, Job.attempt, Job.verdict, Job.external_id
    job = s.execute(select(*columns).where(Job.id == job_id)).one()
    at = db_now(s)
    data = {"job_id": job_id, "attempt": job.attempt, "verdict": job.verdict, "external_id": job.external_id, **more}
    for endpoint_id in _subscribers(s, job.tenant_id, type):
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
    """Remove the sender's free text from all deliveries about a job. The deliveries stay."""
    for row in s.execute(select(WebhookDelivery).where(WebhookDelivery.job_id == job_id)).scalars():
        row.data = {**row.data, "external_id": None}


def _subscribers(s: Session, tenant: str, type: str) -> list[str]:
    """The ids of subscribed endpoints, locked against deletion, so that the change of the job cannot fail."""
    active = WebhookEndpoint.tenant_id == tenant, WebhookEndpoint.disabled_at.is_(None)
    query = select(WebhookEndpoint.id, WebhookEndpoint.events).where(*active).order_by(WebhookEndpoint.id)
    endpoints = s.execute(query.with_for_update(read=True, key_share=True))
    return [row.id for row in endpoints if row.events is None or type in row.events]
