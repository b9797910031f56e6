"""The audit log: nobody changes it through the database's own means, and whoever does otherwise is found out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from alembic import command
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from core.service import audit
from core.service.audit import AuditFilters
from core.service.audit.chain import entry_hash
from core.service.context import Services
from core.service.db.engine import Database
from core.service.db.migrate import alembic_config, migrate
from core.service.db.tables.audit import AuditEntry, AuditHead
from core.service.errors import InvalidCursor
from core.service.jobs import lifecycle
from core.service.settings import Settings
from tests.support.service import finish, must_take, open_services, settings_for, submit


@pytest.fixture
def settings(database: dict[str, Any], tmp_path: Path) -> Settings:
    return settings_for(tmp_path, **database)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with open_services(settings) as opened:
        yield opened


def write(services: Services, count: int, tenant: str = "acme") -> None:
    for number in range(count):
        with services.db.write() as s:
            audit.record(s, tenant, "key_1", "thing.done", f"thing_{number}", {"n": number, "of": ["a", {"b": True}]})


def entries(services: Services, tenant: str = "acme", **filters: Any) -> list[audit.AuditView]:
    with services.db.read() as s:
        return audit.list_entries(s, tenant, AuditFilters(**filters), limit=100).items


def problems(services: Services) -> list[str]:
    return [fault.problem for fault in audit.verify(services).faults]


@pytest.fixture
def unguarded(services: Services, settings: Settings) -> Iterator[Callable[[Any], None]]:
    """Somebody with every right on the database, who has switched the triggers off."""
    db = Database(settings.resolved_database_url)

    def change(statement: Any) -> None:
        with db.write() as s:
            _disarm(s)
            s.execute(statement)

    yield change
    db.dispose()


def _disarm(s: Session) -> None:
    if s.get_bind().dialect.name == "postgresql":
        s.execute(text("SET LOCAL session_replication_role = replica"))
        return
    for name in s.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
        s.execute(text(f"DROP TRIGGER {name}"))


def test_the_log_of_a_job_is_whole(services: Services) -> None:
    finish(services, must_take(services, submit(services).id))
    with services.db.write() as s:
        lifecycle.delete(services, s, "acme", entries(services)[0].resource, "key_1")
    found = audit.verify(services)
    assert found.ok
    assert found.entries == len(entries(services))
    assert [entry.action for entry in entries(services)] == [
        "job.deleted",
        "job.succeeded",
        "request.settled",
        "job.created",
    ]


def test_an_entry_goes_with_its_transaction(services: Services) -> None:
    write(services, 1)
    with pytest.raises(ZeroDivisionError), services.db.write() as s:
        s.info["after"] = audit.record(s, "acme", "key_1", "thing.done", "thing_9") or 1 / 0
    write(services, 1)
    assert [entry.number for entry in entries(services)] == [2, 1]
    assert audit.verify(services).ok


def test_floats_are_refused(services: Services) -> None:
    """They would come back from a database in other digits, and the entry's hash would no longer fit."""
    with services.db.write() as s, pytest.raises(TypeError):
        audit.record(s, "acme", "key_1", "thing.done", "thing_1", {"deep": [{"share": 0.1}]})


def test_anyone_can_compute_the_chain(services: Services) -> None:
    write(services, 3)
    previous = "0" * 64
    for entry in reversed(entries(services)):
        said = entry.model_dump(exclude={"object", "hash"})
        assert entry.hash == entry_hash(previous, tenant="acme", **said)
        previous = entry.hash


def test_writers_of_one_tenant_do_not_fork_the_chain(services: Services) -> None:
    threads = [Thread(target=write, args=(services, 10, tenant)) for tenant in ("acme", "acme", "acme", "rival")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [entry.number for entry in entries(services)] == list(range(30, 0, -1))
    assert [entry.number for entry in entries(services, "rival")] == list(range(10, 0, -1))
    assert audit.verify(services).ok


@pytest.mark.parametrize(
    "statement",
    [
        update(AuditEntry).values(actor="key_2"),
        update(AuditEntry).where(AuditEntry.number == 2).values(details={}),
        delete(AuditEntry).where(AuditEntry.number == 3),
        delete(AuditEntry),
        delete(AuditHead),
        update(AuditHead).values(count=1, anchored=0),
    ],
    ids=["update", "update one", "delete the last", "delete all", "delete the head", "set the head back"],
)
def test_the_database_refuses_to_change_the_log(services: Services, statement: Any) -> None:
    write(services, 3)
    with pytest.raises(DBAPIError, match="append-only"), services.db.write() as s:
        s.execute(statement)
    assert audit.verify(services).ok


def _rehashed(services: Services, number: int) -> Iterator[Any]:
    """What a careful forger does: change an entry and every hash from there on, the head's included."""
    chain = entries(services)[::-1]
    previous = chain[number - 2].hash
    for entry in chain[number - 1 :]:
        said = {**entry.model_dump(exclude={"object", "hash"}), "actor": "key_other"}
        previous = entry_hash(previous, tenant="acme", **said)
        yield update(AuditEntry).where(AuditEntry.number == entry.number).values(actor="key_other", hash=previous)
    yield update(AuditHead).values(hash=previous)


def test_an_edit_is_found(services: Services, unguarded: Callable[[Any], None]) -> None:
    write(services, 5)
    for column, value in (("actor", "key_2"), ("action", "x"), ("resource", "y"), ("details", {"n": 2})):
        before = getattr(entries(services)[3], column)
        unguarded(update(AuditEntry).where(AuditEntry.number == 2).values({column: value}))
        found = audit.verify(services)
        assert [(fault.tenant, fault.number) for fault in found.faults] == [("acme", 2)]
        unguarded(update(AuditEntry).where(AuditEntry.number == 2).values({column: before}))
        assert audit.verify(services).ok


def test_a_forger_who_mends_the_chain_is_found_for_good(services: Services, unguarded: Callable[[Any], None]) -> None:
    write(services, 4)
    for statement in list(_rehashed(services, 3)):
        unguarded(statement)
    assert problems(services) == ["the head was written by another hand, now or at some time before"]
    write(services, 2)
    assert len(entries(services)) == 6
    assert problems(services) == ["the head was written by another hand, now or at some time before"]


def test_a_gap_is_found(services: Services, unguarded: Callable[[Any], None]) -> None:
    write(services, 5)
    unguarded(delete(AuditEntry).where(AuditEntry.number.in_([2, 3])))
    assert problems(services) == ["entries are missing before this one: 2 to 3"]


def test_a_tail_that_was_cut_off_is_found(services: Services, unguarded: Callable[[Any], None]) -> None:
    write(services, 5)
    unguarded(delete(AuditEntry).where(AuditEntry.number > 3))
    assert problems(services) == ["the log ends here, and its head says 5 entries"]


def test_a_log_set_back_to_an_older_state_is_found(services: Services, unguarded: Callable[[Any], None]) -> None:
    """The database alone would not show it: its head, with a good seal, is one that was there once."""
    write(services, 3)
    with services.db.read() as s:
        older = {name: getattr(s.get_one(AuditHead, "acme"), name) for name in ("count", "hash", "mac")}
    write(services, 2)
    assert audit.anchor(services) == 1
    assert audit.anchor(services) == 0
    assert audit.verify(services).anchors == 1
    unguarded(delete(AuditEntry).where(AuditEntry.number > 3))
    unguarded(update(AuditHead).values(**older, anchored=0))
    assert problems(services) == ["the log ends here, and an anchor knew 5 entries"]
    unguarded(delete(AuditEntry))
    unguarded(delete(AuditHead))
    assert "the log ends here, and an anchor knew 5 entries" in problems(services)


def test_a_head_without_its_seal_is_found(services: Services, unguarded: Callable[[Any], None]) -> None:
    write(services, 3)
    audit.anchor(services)
    unguarded(update(AuditHead).values(mac=None))
    assert problems(services) == ["the seal of the head was taken away"]
    unguarded(delete(AuditHead))
    write(services, 1)
    assert "the head was written by another hand, now or at some time before" in problems(services)


def test_a_forged_anchor_is_found(services: Services) -> None:
    write(services, 3)
    audit.anchor(services)
    (key,) = services.storage.list("audit/")
    said = json.loads(services.storage.read(key))
    for forged in (json.dumps({**said, "count": 2}).encode(), b"{}", b"\xff"):
        services.storage.put(key, forged)
        assert problems(services) == ["an anchor in the store was not written by this service"]


def test_anchors_wait_a_minute_for_company(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    write(services, 1)
    assert audit.anchor(services) == 1
    write(services, 1)
    assert audit.anchor(services) == 0
    monkeypatch.setattr("core.service.audit.anchors.EVERY", timedelta(0))
    assert audit.anchor(services) == 1


def test_pages_and_filters(services: Services) -> None:
    write(services, 7)
    write(services, 1, "rival")
    with services.db.write() as s:
        audit.record(s, "acme", "key_2", "other.done", "thing_3")
    assert [entry.number for entry in entries(services, resource="thing_3")] == [8, 4]
    assert [entry.number for entry in entries(services, action="other.done")] == [8]
    assert len(entries(services, actor="key_1")) == 7
    moment = entries(services)[3].at
    assert [entry.number for entry in entries(services, since=moment)] == [8, 7, 6, 5]
    assert [entry.number for entry in entries(services, before=moment)] == [4, 3, 2, 1]
    with services.db.read() as s:
        seen, cursor = [], None
        while True:
            page = audit.list_entries(s, "acme", AuditFilters(actor="key_1"), cursor, 3)
            seen += [entry.number for entry in page.items]
            if not page.has_more:
                break
            cursor = page.next_cursor
        assert seen == [7, 6, 5, 4, 3, 2, 1]
        for tenant, filters in (("rival", AuditFilters(actor="key_1")), ("acme", AuditFilters())):
            with pytest.raises(InvalidCursor):
                audit.list_entries(s, tenant, filters, cursor)


def test_a_log_from_before_the_chain_is_taken_over(settings: Settings, services: Services) -> None:
    url = settings.resolved_database_url
    command.downgrade(alembic_config(url), "0006")
    log = text(
        "INSERT INTO audit_log (tenant_id, at, actor, action, resource, details) VALUES (:t, :a, 'k', 'x', 'r', :d)"
    )
    with services.db.write() as s:
        for n in range(4):
            at = f"2026-01-0{n + 1} 10:00:00.{n}00000" + ("" if settings.database_url is None else "+00")
            s.execute(log, {"t": "acme" if n % 2 else "rival", "a": at, "d": json.dumps({"n": n, "who": "Ünï"})})
    migrate(url)
    assert [entry.details["n"] for entry in entries(services)] == [3, 1]
    assert audit.verify(services).ok
    write(services, 1)
    assert [entry.action for entry in entries(services)] == ["thing.done", "audit.sealed", "x", "x"]
    assert audit.verify(services).ok
    command.downgrade(alembic_config(url), "0006")
    with services.db.read() as s:
        assert s.execute(text("SELECT count(*) FROM audit_log")).scalar_one() == 6
    migrate(url)
    assert audit.verify(services).ok


def test_entries_can_be_inserted_by_nobody_else(services: Services, unguarded: Callable[[Any], None]) -> None:
    write(services, 2)
    (entry, _) = entries(services)
    with services.db.read() as s:
        row = dict(s.execute(select(*AuditEntry.__table__.columns).where(AuditEntry.number == 2)).one()._mapping)
    unguarded(insert(AuditEntry).values({**row, "number": 3}))
    assert entry.hash == row["hash"]
    assert problems(services)[0] == "the entry, or the one before it, was changed"
