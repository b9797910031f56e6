"""Alembic's environment: migrates the database of the settings, or the one that the caller names."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.pool import NullPool

from core.service.db import tables  # noqa: F401 - registers them
from core.service.db.base import Base
from core.service.settings import get_settings

LOCK = 7_301_512_044
LOCK_TIMEOUT = "10s"


def _url() -> str:
    url = context.config.attributes.get("url")
    return url if isinstance(url, str) else get_settings().resolved_database_url


def _configure(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_server_default=True,
    )


def _alone(connection: Connection) -> None:
    """Wait until no other process migrates. The lock ends with the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))


def _run(url: str) -> None:
    engine = create_engine(make_url(url), poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    with engine.connect() as connection, connection.begin():
        _alone(connection)
        _configure(connection)
        context.run_migrations()


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # Foreign keys stay off: changing a table on SQLite drops and rebuilds it, which must not empty its children.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA busy_timeout=60000")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


_run(_url())
