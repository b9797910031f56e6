"""Every step between revisions, up and down, with rows present, on both databases."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Connection, MetaData, Table, create_engine, insert, inspect, select, update
from sqlalchemy.pool import NullPool

from core.service.context import Services
from core.service.db.base import Base
from core.service.db.engine import Database
from core.service.db.migrate import alembic_config, head_revision, migrate
from core.service.jobs import views
from core.service.settings import Settings
from tests.migration.old_rows import FIRST, RENAMED, RENUMBERED, ROWS, START
from tests.servers.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'lethe.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.database() as empty:
        yield Settings(database_url=empty).resolved_database_url


def revisions() -> list[str]:
    """From the first to the newest."""
    script = ScriptDirectory.from_config(alembic_config(""))
    return [revision.revision for revision in script.walk_revisions()][::-1]


def test_there_is_one_line_of_revisions() -> None:
    assert ScriptDirectory.from_config(alembic_config("")).get_heads() == [head_revision()]
    assert revisions()[0] == FIRST


def test_each_step_up_and_down_keeps_every_row(url: str, tmp_path: Path) -> None:
    first, *later = revisions()
    command.upgrade(alembic_config(url), first)
    with _connected(url) as connection:
        _insert(connection)
    before = _old_rows(url)
    for revision in later:
        command.upgrade(alembic_config(url), revision)
        assert (Database(url).revision(), _old_rows(url)) == (revision, before)
    command.check(alembic_config(url))
    _reads_jobs(url, tmp_path)
    for revision in reversed([first, *later[:-1]]):
        command.downgrade(alembic_config(url), revision)
        assert (Database(url).revision(), _old_rows(url)) == (revision, before)
    migrate(url)
    assert (Database(url).revision(), _old_rows(url)) == (head_revision(), before)
    command.check(alembic_config(url))


def test_each_job_gets_its_request(url: str) -> None:
    command.upgrade(alembic_config(url), FIRST)
    with _connected(url) as connection:
        _insert(connection)
    command.upgrade(alembic_config(url), "0010")
    with _connected(url) as connection:
        tables = _all_tables(connection)
        jobs, opendsr = tables["jobs"], tables["opendsr_requests"]
        dated = [row.id for row in connection.execute(select(jobs).where(jobs.c.due_at.is_not(None)))]
        undated = connection.execute(select(jobs.c.id).where(jobs.c.parent_id.is_(None)).order_by(jobs.c.id)).first()
        assert undated is not None
        connection.execute(update(jobs).where(jobs.c.id == undated.id).values(due_at=None))
        times = dict.fromkeys(("submitted_at", "received_at", "expected_at"), START)
        named = {"subject_request_id": "s", "regulation": "ccpa", "sealed": b"", "callback_count": 0}
        row = {"tenant_id": "acme", "job_id": undated.id, "told_status": "pending", **named, **times}
        connection.execute(insert(opendsr).values(row))
    command.upgrade(alembic_config(url), "0011")
    with _connected(url) as connection:
        tables = _all_tables(connection)
        jobs, requests = tables["jobs"], tables["requests"]
        linked = connection.execute(
            select(jobs, requests.c.status.label("state"), requests.c.regulation, requests.c.due_at.label("due")).join(
                requests, requests.c.id == jobs.c.erasure_request_id
            )
        ).all()
        found = {row.id: row for row in linked if row.parent_id is None}
    assert found.keys() == {*dated, undated.id}
    for row in found.values():
        ended = row.deleted_at is not None or row.status == "cancelled"
        assert row.state == ("settled" if row.verdict == "passed" else "withdrawn" if ended else "open"), row.id
    assert (found[undated.id].regulation, _plain(found[undated.id].due)) == ("ccpa", START)


def test_up_from_nothing_down_to_nothing_and_up_again(url: str) -> None:
    for _ in range(2):
        migrate(url)
        assert Database(url).revision() == head_revision()
        command.check(alembic_config(url))
        assert _tables(url) == set(Base.metadata.tables)
        command.downgrade(alembic_config(url), "base")
        assert Database(url).revision() is None
        assert _tables(url) == set()


def test_what_alembic_does_not_compare_is_as_modelled(url: str) -> None:
    migrate(url)
    with _connected(url) as connection:
        look = inspect(connection)
        for name, table in Base.metadata.tables.items():
            modelled = {c.name for c in table.constraints if c.name and str(c.name).startswith("ck_")}
            assert {c["name"] for c in look.get_check_constraints(name)} == modelled
            assert {i["name"] for i in look.get_indexes(name) if not i.get("duplicates_constraint")} == {
                index.name for index in table.indexes
            }
            for index in table.indexes:
                partial = index.dialect_options[connection.dialect.name].get("where")
                assert (partial is not None) == _has_condition(look.get_indexes(name), str(index.name)), index.name


@pytest.mark.slow
def test_many_may_migrate_at_once(url: str) -> None:
    racers = [multiprocessing.get_context("spawn").Process(target=migrate, args=(url,)) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(300)
        assert racer.exitcode == 0
    assert Database(url).revision() == head_revision()


def test_a_database_without_tables_has_no_revision(url: str) -> None:
    assert Database(url).revision() is None


def _connected(url: str) -> Any:
    return create_engine(url, poolclass=NullPool).begin()


def _reflect(connection: Connection) -> dict[str, Table]:
    """By the name that a table had in the first release."""
    found, names = MetaData(), {name: RENAMED.get(name, name) for name in ROWS}
    found.reflect(connection)
    return {old: found.tables[old if old in found.tables else new] for old, new in names.items()}


def _all_tables(connection: Connection) -> dict[str, Table]:
    found = MetaData()
    found.reflect(connection)
    return dict(found.tables)


def _insert(connection: Connection) -> None:
    tables = _reflect(connection)
    for name, rows in ROWS.items():
        for row in rows:
            connection.execute(insert(tables[name]).values(row))


def _old_rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """What the columns of the first release hold now; as text, since moments of SQLite have no time zone."""
    found: dict[str, list[dict[str, Any]]] = {}
    with _connected(url) as connection:
        tables = _reflect(connection)
        for name, rows in ROWS.items():
            keys = tables[name].primary_key.columns
            for row in connection.execute(select(tables[name]).order_by(*keys)).mappings():
                kept = rows[0].keys() - RENUMBERED
                found.setdefault(name, []).append({column: _plain(row[column]) for column in kept})
            assert len(found[name]) == len(rows)
    return found


def _plain(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _reads_jobs(url: str, folder: Path) -> None:
    """The code of today understands them."""
    settings = Settings(data_dir=folder, database_url=url, master_key=SecretStr("m" * 40))
    with Services.open(settings) as services, services.db.read() as session:
        statuses = [views.get_job(session, "acme", f"job_{number}").status for number in range(1, 5)]
    assert statuses == ["queued", "running", "succeeded", "failed"]


def _tables(url: str) -> set[str]:
    with _connected(url) as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def _has_condition(indexes: list[Any], name: str) -> bool:
    (found,) = (index for index in indexes if index["name"] == name)
    return any(option.endswith("_where") for option in found.get("dialect_options", {}))


def test_a_sound_outlives_the_way_back_as_a_file_of_no_size(url: str) -> None:
    """The release before erases it when its time has come, and knows no file without a width."""
    migrate(url)
    sound = {
        **ROWS["files"][0], "media_type": "audio/wav", "width": None, "height": None,
        "duration_seconds": 0.5, "sample_rate": 8000,
    }  # fmt: skip
    with _connected(url) as connection:
        tables = _reflect(connection)
        connection.execute(insert(tables["tenants"]).values(ROWS["tenants"][0]))
        connection.execute(insert(tables["files"]).values(sound))
    command.downgrade(alembic_config(url), "0009")
    with _connected(url) as connection:
        files = _reflect(connection)["files"]
        row = connection.execute(select(files)).mappings().one()
    assert (row["id"], row["media_type"], row["width"], row["height"]) == ("file_1", "audio/wav", 0, 0)
