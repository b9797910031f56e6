"""Migrations and the invariants that the schema itself holds, whatever the code does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Select, select, text, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.db import engine
from core.service.db.engine import Database
from core.service.db.tables.jobs import Job
from core.service.kit.clock import now
from core.service.settings import Settings
from tests.servers.postgres import Postgres
from tests.support.service import open_services, settings_for, submit


@pytest.fixture
def settings(database: dict[str, Any], tmp_path: Path) -> Settings:
    return settings_for(tmp_path, **database)


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with open_services(settings) as opened:
        yield opened


def test_a_database_that_is_away_has_no_revision_to_tell(tmp_path: Path) -> None:
    with pytest.raises(SQLAlchemyError):
        Database(f"sqlite:///{tmp_path / 'no' / 'folder.db'}").revision()


def test_a_statement_that_takes_too_long_is_ended(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "STATEMENT_TIMEOUT_MS", 100)
    with postgres.database() as url:
        database = Database(url)
        with database.read() as session, pytest.raises(OperationalError, match="statement timeout"):
            session.execute(text("SELECT pg_sleep(600)"))
        database.dispose()


def test_a_read_session_cannot_write(services: Services) -> None:
    job = submit(services)
    with services.db.read() as s, pytest.raises(SQLAlchemyError):
        s.execute(update(Job).where(Job.id == job.id).values(step=1))
    with services.db.write() as s:
        s.execute(update(Job).where(Job.id == job.id).values(step=1))


def test_writers_wait_for_each_other(services: Services) -> None:
    """Read, think, write: on SQLite the lock is taken first, or one of the two increments would be lost or refused."""
    job = submit(services)

    def increment() -> None:
        for _ in range(20):
            with services.db.write() as s:
                step = s.execute(_step(job.id)).scalar_one()
                s.execute(update(Job).where(Job.id == job.id).values(step=step + 1))

    threads = [Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with services.db.write() as s:
        assert s.execute(_step(job.id)).scalar_one() == 80


def _step(job_id: str) -> Select[int]:
    return select(Job.step).where(Job.id == job_id).with_for_update()


def test_times_come_back_aware_and_to_the_microsecond(services: Services) -> None:
    job = submit(services)
    moment = now() - timedelta(days=400)
    with services.db.write() as s:
        s.execute(update(Job).where(Job.id == job.id).values(created_at=moment))
    with services.db.read() as s:
        assert s.get_one(Job, job.id).created_at == moment
        assert s.get_one(Job, job.id).created_at.tzinfo is not None
    with pytest.raises(SQLAlchemyError), services.db.write() as s:
        s.execute(update(Job).values(created_at=moment.replace(tzinfo=None)))


def test_pages_use_their_index(tmp_path: Path) -> None:
    with open_services(settings_for(tmp_path)) as services, services.db.read() as s:
        assert "ix_jobs_page " in _plan(s, "tenant_id = 'acme' AND deleted_at IS NULL")
        assert "ix_jobs_page_by_status " in _plan(s, "tenant_id = 'a' AND status = 'b' AND deleted_at IS NULL")


def _plan(s: Session, where: str) -> str:
    query = f"EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE {where} ORDER BY created_at DESC, id DESC LIMIT 20"
    plan = " ".join(str(row) for row in s.execute(text(query)))
    assert "TEMP B-TREE" not in plan
    return plan
