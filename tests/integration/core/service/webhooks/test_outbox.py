"""The outbox: a delivery is written by the transaction that changes the job, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from core.service.context import Services
from core.service.crypto.keyring import Keyring
from core.service.db.migrate import alembic_config, migrate
from core.service.db.tables.jobs import Job
from core.service.db.tables.webhooks import WebhookDelivery, WebhookEndpoint
from core.service.jobs import lease, lifecycle
from core.service.jobs.sweep.sweep import sweep
from core.service.webhooks import endpoints, outbox, secrets
from core.service.webhooks.schema import WebhookCreate
from tests.support.service import OTHER, finish, must_take, open_services, settings_for, shift, submit

DAY = 86400.0


@pytest.fixture
def services(database: dict[str, Any], tmp_path: Path) -> Iterator[Services]:
    with open_services(settings_for(tmp_path, **database)) as opened:
        yield opened


def listen(services: Services, *events: str, tenant: str = "acme") -> str:
    body = WebhookCreate.model_validate({"url": "https://example.com/hook", "events": list(events) or None})
    with services.db.write() as s:
        return endpoints.create(s, tenant, services.settings, body)[0].id


def told(services: Services, endpoint_id: str) -> list[tuple[str, str]]:
    """Type of event and job, in order."""
    query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id).order_by(WebhookDelivery.id)
    with services.db.read() as s:
        return [(row.type, row.job_id) for row in s.execute(query).scalars()]


def types(services: Services, endpoint_id: str, job_id: str) -> list[str]:
    return [type for type, job in told(services, endpoint_id) if job == job_id]


def test_each_way_through_a_job_s_life_is_told(services: Services) -> None:
    hook = listen(services)
    done, failed, stopped, lost, cancelled, deleted, expired, back = (submit(services).id for _ in range(8))
    finish(services, must_take(services, done))
    claim = must_take(services, failed)
    with services.db.write() as s:
        lease.fail(s, claim, "out_of_memory", "Too large.", retryable=True)
        lifecycle.retry(s, "acme", failed)
    claim = must_take(services, stopped)
    with services.db.write() as s:
        lifecycle.cancel(s, "acme", stopped)
        lease.cancel(s, claim)
        lifecycle.cancel(s, "acme", cancelled)
        lifecycle.delete(services, s, "acme", deleted)
    for _ in range(services.settings.max_attempts):
        must_take(services, lost)
        shift(services, lost, lease_expires_at=DAY)
        sweep(services)
    shift(services, expired, expires_at=365 * DAY)
    sweep(services)
    claim = must_take(services, back)
    with services.db.write() as s:
        lease.release(s, claim)
    assert types(services, hook, done) == ["job.running", "job.succeeded"]
    assert types(services, hook, failed) == ["job.running", "job.failed"]
    assert types(services, hook, stopped) == ["job.running", "job.cancelled"]
    assert types(services, hook, lost) == ["job.running"] * services.settings.max_attempts + ["job.failed"]
    assert types(services, hook, cancelled) == ["job.cancelled"]
    assert types(services, hook, deleted) == ["job.cancelled"]
    assert types(services, hook, expired) == ["job.failed"]
    assert types(services, hook, back) == ["job.running"]


def test_what_is_told_is_thin(services: Services) -> None:
    listen(services, "job.succeeded")
    job = submit(services, external_id="DSR-7")
    finish(services, must_take(services, job.id), verdict="failed")
    with services.db.read() as s:
        (row,) = s.execute(select(WebhookDelivery)).scalars()
    assert row.data == {
        "job_id": job.id, "attempt": 1, "verdict": "failed", "external_id": "DSR-7", "status": "succeeded",
    }  # fmt: skip


def test_an_endpoint_hears_what_it_asked_for_of_its_own_tenant(services: Services) -> None:
    some, every, rival = listen(services, "job.failed"), listen(services), listen(services, tenant="rival")
    job, other = submit(services).id, submit(services, by=OTHER).id
    with services.db.write() as s:
        lifecycle.cancel(s, "acme", job)
        lifecycle.cancel(s, "rival", other)
    assert told(services, some) == []
    assert told(services, every) == [("job.cancelled", job)]
    assert told(services, rival) == [("job.cancelled", other)]


def test_no_change_no_delivery(services: Services) -> None:
    hook, job = listen(services), submit(services).id
    with pytest.raises(InterruptedError), services.db.write() as s:  # noqa: PT012 - ends the transaction
        lifecycle.cancel(s, "acme", job)
        raise InterruptedError
    assert told(services, hook) == []


def test_what_the_sender_wrote_goes_with_the_job(services: Services) -> None:
    listen(services)
    job = submit(services, external_id="DSR-8")
    finish(services, must_take(services, job.id))
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", job.id)
    with services.db.read() as s:
        rows = list(s.execute(select(WebhookDelivery)).scalars())
    assert [row.data["external_id"] for row in rows] == [None, None]
    assert [row.data["status"] for row in rows] == ["running", "succeeded"]


def test_an_event_that_nobody_defined_is_a_mistake_of_ours(services: Services) -> None:
    job = submit(services).id
    with services.db.write() as s, pytest.raises(ValueError, match="not an event type"):
        outbox.emit(s, job, "job.lost", {})


def test_secrets_lie_encrypted_and_only_in_their_place(services: Services) -> None:
    body = WebhookCreate(url="https://example.com/")
    with services.db.write() as s:
        made = [endpoints.create(s, "acme", services.settings, body) for _ in range(2)]
        first, second = (s.get_one(WebhookEndpoint, view.id) for view, _ in made)
        keyring = services.keyring
        assert secrets.active_secrets(keyring, first, first.created_at) == [made[0][1]]
        assert made[0][1].encode() not in first.secret
        first.secret, second.secret = second.secret, first.secret
        with pytest.raises(Exception, match="changed"):
            secrets.active_secrets(keyring, first, first.created_at)
        with pytest.raises(Exception, match="another master key"):
            secrets.active_secrets(Keyring(b"x" * 40), second, second.created_at)


@pytest.mark.parametrize(
    "values",
    [
        {"status": "lost"},
        {"status": "delivered"},
        {"next_attempt_at": None},
        {"tries": 1},
        {"endpoint_id": "whk_0"},
        {"job_id": "job_0"},
    ],
    ids=lambda values: " ".join(values),
)
def test_a_pending_delivery_s_row_cannot_become_this(services: Services, values: dict[str, object]) -> None:
    listen(services)
    job = submit(services).id
    with services.db.write() as s:
        lifecycle.cancel(s, "acme", job)
    with pytest.raises(IntegrityError), services.db.write() as s:
        s.execute(update(WebhookDelivery).values(values))


def test_a_database_with_the_first_tables_keeps_its_jobs(services: Services) -> None:
    job, url = submit(services).id, services.settings.resolved_database_url
    command.downgrade(alembic_config(url), "0001")
    migrate(url)
    hook = listen(services)
    with services.db.write() as s:
        lifecycle.cancel(s, "acme", job)
        assert s.execute(select(Job.status)).scalar_one() == "cancelled"
    assert told(services, hook) == [("job.cancelled", job)]
