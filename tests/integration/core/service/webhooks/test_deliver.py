"""From the outbox to a real receiver, by a clock that the test turns: retries, pauses, 410, many workers, the sweep."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from core.service.context import Services
from core.service.db.tables.audit import AuditEntry
from core.service.db.tables.webhooks import WebhookDelivery, WebhookEndpoint
from core.service.errors import NotFound, WebhookDisabled
from core.service.jobs import lifecycle
from core.service.jobs.sweep.sweep import sweep
from core.service.kit.clock import now
from core.service.webhooks import deliveries, endpoints
from core.service.webhooks.deliver import Deliverer
from core.service.webhooks.schedule import OFFSETS
from core.service.webhooks.schema import SecretRotation, WebhookCreate
from core.service.webhooks.send import Message, Outcome, Sender
from core.service.webhooks.views import DeliveryView
from tests.support.service import finish, must_take, open_services, settings_for, submit
from tests.support.webhook_receiver import Receiver, receiving

DAY = timedelta(days=1)


class World:
    """A service, a receiver, and a deliverer whose clock stands still until it is moved."""

    def __init__(self, services: Services, receiver: Receiver) -> None:
        self.services, self.receiver, self.at = services, receiver, now()
        self.deliverer = self.another()

    def another(self, sender: Sender | None = None) -> Deliverer:
        return Deliverer(self.services, sender, clock=lambda _: self.at, jitter=lambda low, high: (low + high) / 2)

    def endpoint(self, url: str | None = None) -> tuple[str, str]:
        with self.services.db.write() as s:
            view, secret = endpoints.create(
                s, "acme", self.services.settings, WebhookCreate(url=url or self.receiver.url)
            )
        return view.id, secret

    def cancelled_job(self) -> str:
        """A job that causes exactly one delivery for each endpoint."""
        job = submit(self.services).id
        with self.services.db.write() as s:
            lifecycle.cancel(s, "acme", job)
        self.at = max(self.at, now())
        return job

    def deliveries(self, endpoint_id: str) -> list[DeliveryView]:
        """Oldest first."""
        with self.services.db.read() as s:
            return list(deliveries.list_deliveries(s, "acme", endpoint_id, limit=100).items)[::-1]

    def only(self, endpoint_id: str) -> DeliveryView:
        (found,) = self.deliveries(endpoint_id)
        return found

    def row(self, endpoint_id: str) -> WebhookEndpoint:
        with self.services.db.read() as s:
            return s.get_one(WebhookEndpoint, endpoint_id)

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)

    def redeliver(self, endpoint_id: str, delivery_id: str) -> DeliveryView:
        with self.services.db.write() as s:
            asked = deliveries.redeliver(s, "acme", endpoint_id, delivery_id)
        self.at = max(self.at, now())
        return asked


@pytest.fixture
def world(database: dict[str, Any], tmp_path: Path) -> Iterator[World]:
    settings = settings_for(tmp_path, webhook_networks="127.0.0.0/8", **database)
    with open_services(settings) as services, receiving() as receiver:
        yield World(services, receiver)


def test_a_job_s_life_arrives_in_order_once_and_signed(world: World) -> None:
    hook, secret = world.endpoint()
    job = submit(world.services, external_id="DSR-1")
    finish(world.services, must_take(world.services, job.id))
    world.at = now()
    assert world.deliverer.run() == 2
    assert world.deliverer.run() == 0
    payloads = [got.verified(secret) for got in world.receiver.got]
    assert [payload["type"] for payload in payloads] == ["job.running", "job.succeeded"]
    assert payloads[1]["data"] == {
        "job_id": job.id, "attempt": 1, "verdict": "passed", "external_id": "DSR-1", "status": "succeeded",
    }  # fmt: skip
    shown = world.deliveries(hook)
    assert [got.headers["webhook-id"] for got in world.receiver.got] == [delivery.id for delivery in shown]
    assert {delivery.status for delivery in shown} == {"delivered"}
    assert [attempt.outcome for delivery in shown for attempt in delivery.attempts] == ["delivered"] * 2


def test_ten_tries_over_a_day_with_one_id(world: World) -> None:
    hook, secret = world.endpoint()
    world.cancelled_job()
    world.receiver.always(500)
    started = world.at
    while (delivery := world.only(hook)).status == "pending":
        world.at = max(world.at, delivery.next_attempt_at or world.at, world.row(hook).paused_until or world.at)
        assert world.deliverer.run() == 1
    assert delivery.status == "failed"
    assert [attempt.number for attempt in delivery.attempts] == list(range(1, len(OFFSETS) + 1))
    assert {(attempt.outcome, attempt.status_code) for attempt in delivery.attempts} == {("rejected", 500)}
    assert world.at - started == DAY
    assert {got.headers["webhook-id"] for got in world.receiver.got} == {delivery.id}
    # Signed anew each time: the timestamp is that of the try.
    assert len({got.headers["webhook-timestamp"] for got in world.receiver.got}) == len(OFFSETS)
    world.receiver.got[0].verified(secret)
    world.forward(days=30)
    assert world.deliverer.run() == 0


def test_a_receiver_that_comes_back_gets_everything(world: World) -> None:
    hook, secret = world.endpoint()
    jobs = [world.cancelled_job() for _ in range(3)]
    world.receiver.always(503)
    # One failure, and the whole endpoint is left alone for a while.
    assert world.deliverer.run() == 1
    assert world.row(hook).failures == 1
    world.forward(seconds=4)
    assert world.deliverer.run() == 0
    world.receiver.always(200)
    world.forward(seconds=2)
    assert world.deliverer.run() == 3
    assert (world.row(hook).failures, world.row(hook).paused_until) == (0, None)
    assert sorted(got.verified(secret)["data"]["job_id"] for got in world.receiver.got[1:]) == sorted(jobs)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(world: World, status: int) -> None:
    hook, _ = world.endpoint()
    world.cancelled_job()
    world.receiver.always(status, Retry_After="3600")
    assert world.deliverer.run() == 1
    assert world.only(hook).next_attempt_at == world.at + timedelta(hours=1)
    world.forward(seconds=3599)
    assert world.deliverer.run() == 0
    world.receiver.always(200)
    world.forward(seconds=1)
    assert world.deliverer.run() == 1
    assert world.only(hook).status == "delivered"


def test_410_disables(world: World) -> None:
    hook, _ = world.endpoint()
    first, second = world.cancelled_job(), world.cancelled_job()
    world.receiver.always(410)
    assert world.deliverer.run() == 1
    assert world.row(hook).disabled_reason == "gone"
    assert [(d.job_id, d.status, len(d.attempts)) for d in world.deliveries(hook)] == [
        (first, "failed", 1), (second, "failed", 0),
    ]  # fmt: skip
    world.cancelled_job()
    assert len(world.deliveries(hook)) == 2
    world.forward(days=2)
    assert world.deliverer.run() == 0
    with pytest.raises(WebhookDisabled):
        world.redeliver(hook, world.deliveries(hook)[0].id)
    with world.services.db.read() as s:
        audited = s.execute(select(AuditEntry).where(AuditEntry.action == "webhook.disabled")).scalar_one()
    assert (audited.resource, audited.actor) == (hook, "system")


def test_redelivery_sends_the_same_again_with_a_new_schedule(world: World) -> None:
    hook, secret = world.endpoint()
    world.cancelled_job()
    world.deliverer.run()
    delivered = world.only(hook)
    assert world.redeliver(hook, delivered.id).status == "pending"
    world.receiver.always(500)
    world.deliverer.run()
    again = world.only(hook)
    assert (again.id, again.status, len(again.attempts)) == (delivered.id, "pending", 2)
    assert again.next_attempt_at == world.at + timedelta(seconds=OFFSETS[1])
    # Asked for by hand, it does not wait for the pause to end.
    world.receiver.always(200)
    world.redeliver(hook, delivered.id)
    assert world.deliverer.run() == 1
    first, _, third = world.receiver.got
    assert first.verified(secret) == third.verified(secret)
    assert [attempt.outcome for attempt in world.only(hook).attempts] == ["delivered", "rejected", "delivered"]
    with pytest.raises(NotFound):
        world.redeliver(hook, "whd_0")


def test_both_secrets_sign_until_the_overlap_is_over(world: World) -> None:
    hook, before = world.endpoint()
    with world.services.db.write() as s:
        after = endpoints.rotate_secret(s, "acme", hook, SecretRotation(overlap_hours=1))[1]
    world.cancelled_job()
    world.deliverer.run()
    (both,) = world.receiver.got
    assert both.verified(after) == both.verified(before)
    with world.services.db.write() as s:
        s.execute(update(WebhookEndpoint).values(previous_until=now() - timedelta(seconds=1)))
    world.cancelled_job()
    world.deliverer.run()
    last = world.receiver.got[-1]
    assert last.verified(after)
    with pytest.raises(Exception, match="No matching signature"):
        last.verified(before)


def test_many_workers_send_each_delivery_once_and_in_turn(world: World) -> None:
    hooks = [world.endpoint()[0] for _ in range(3)]
    for _ in range(5):
        world.cancelled_job()
    busy: set[str] = set()

    class Watching(Sender):
        def send(self, url: str, message: Message, secrets: Any, at: datetime) -> Outcome:
            endpoint = secrets[0]
            assert endpoint not in busy, "two deliveries to one endpoint at once"
            busy.add(endpoint)
            try:
                return super().send(url, message, secrets, at)
            finally:
                busy.discard(endpoint)

    deliverers = [world.another(Watching(world.deliverer._sender._policy, 30)) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        tried = list(pool.map(Deliverer.run, deliverers))
    # A thread may find every endpoint busy and leave; what was taken is done by whoever took it.
    assert sum(tried) + world.deliverer.run() == 15
    assert len({got.headers["webhook-id"] for got in world.receiver.got}) == len(world.receiver.got) == 15
    for hook in hooks:
        assert {delivery.status for delivery in world.deliveries(hook)} == {"delivered"}
        assert all(len(delivery.attempts) == 1 for delivery in world.deliveries(hook))


def test_a_worker_that_died_while_sending_is_replaced_and_its_ghost_writes_nothing(world: World) -> None:
    hook, _ = world.endpoint()
    world.cancelled_job()
    ghost = world.deliverer._claim()
    assert ghost is not None
    assert world.deliverer.run() == 0
    world.forward(minutes=5)
    assert world.deliverer.run() == 1
    world.deliverer._record(ghost, Outcome("timeout"))
    assert [attempt.outcome for attempt in world.only(hook).attempts] == ["delivered"]
    assert world.only(hook).status == "delivered"


def test_an_endpoint_deleted_while_it_is_sent_to_is_gone(world: World) -> None:
    hook, _ = world.endpoint()
    world.cancelled_job()
    parcel = world.deliverer._claim()
    assert parcel is not None
    with world.services.db.write() as s:
        endpoints.delete(s, "acme", hook)
    world.deliverer._record(parcel, Outcome("delivered", 200))
    with world.services.db.read() as s:
        assert s.execute(select(WebhookDelivery)).first() is None


def test_one_endpoint_s_trouble_is_not_another_s(world: World) -> None:
    bad, _ = world.endpoint("http://127.0.0.1:1/")
    good, _ = world.endpoint()
    for _ in range(3):
        world.cancelled_job()
    world.deliverer.run()
    assert [delivery.status for delivery in world.deliveries(good)] == ["delivered"] * 3
    assert [len(delivery.attempts) for delivery in world.deliveries(bad)] == [1, 0, 0]


def test_a_network_that_is_no_longer_allowed_is_refused_at_the_next_delivery(world: World) -> None:
    hook, _ = world.endpoint()
    world.cancelled_job()
    world.services.settings = world.services.settings.model_copy(update={"webhook_networks": ""})
    world.another().run()
    assert [attempt.outcome for attempt in world.only(hook).attempts] == ["address_not_allowed"]
    assert world.receiver.got == []


def test_a_secret_that_cannot_be_read_is_told(world: World) -> None:
    hook, _ = world.endpoint()
    world.cancelled_job()
    with world.services.db.write() as s:
        s.execute(update(WebhookEndpoint).values(secret=b"x" * 40))
    assert world.deliverer.run() == 1
    assert [attempt.outcome for attempt in world.only(hook).attempts] == ["secret_unreadable"]
    assert world.receiver.got == []


def test_old_deliveries_are_forgotten_and_pending_ones_are_not(world: World) -> None:
    hook, _ = world.endpoint()
    for _ in range(3):
        world.cancelled_job()
    world.deliverer.deliver_one()
    world.deliverer.deliver_one()
    old, recent, waiting = world.deliveries(hook)
    long_ago = now() - timedelta(days=31)
    with world.services.db.write() as s:
        aged = WebhookDelivery.id.in_([old.id, waiting.id])
        s.execute(update(WebhookDelivery).where(aged).values(created_at=long_ago))
    assert sweep(world.services).deliveries_forgotten == 1
    assert [delivery.id for delivery in world.deliveries(hook)] == [recent.id, waiting.id]
    assert sweep(world.services).deliveries_forgotten == 0
