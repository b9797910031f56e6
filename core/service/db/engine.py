"""Sessions, advisory locks and the database's clock.

On SQLite a write session takes the write lock as it begins. On both databases a read session cannot write. Leases use
the clock of PostgreSQL, since workers on several machines may disagree about the time; on SQLite that of this machine.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from core.service.crypto.keyring import Keyring
from core.service.db import counters
from core.service.db.mac_keys import pin_mac_keys
from core.service.kit import clock

BUSY_TIMEOUT_MS = 30_000
CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_MS = 60_000
"""PostgreSQL ends a statement after so long."""
_IDLE_TIMEOUT_MS = 900_000
"""And a transaction that does nothing. Some wait for the object store, which may be slow and hold many pictures."""
_UNACKNOWLEDGED_MS = 15_000
"""A connection is broken when nothing that was sent is acknowledged for so long."""
PING_AFTER_SECONDS = 1.0
_WRITES = "lethe_writes"
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    # Deleted content is overwritten with zeros: a destroyed key is gone from the file, too.
    "secure_delete=ON",
)


class Database:
    """The database of one process, to be created after any fork. Connects lazily.

    A session carries the process's keyring and limits in `Session.info`. After a write session has committed, the
    actions of `after_commit` run, and `doorbell` is called with the id of each job that the session has queued.
    """

    def __init__(self, url: str, *, keyring: Keyring | None = None, max_running_jobs: int | None = None) -> None:
        self.url = url
        self.doorbell: Callable[[str], None] = _no_doorbell
        self.wal_pending = False
        self._info = {"keyring": keyring, "max_running_jobs": max_running_jobs}
        engine = _engine(url)
        sqlite = engine.dialect.name == "sqlite"
        # SQLite's transactions see one state anyway.
        one_state = {} if sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = engine.execution_options(postgresql_readonly=True, **one_state)
        self._writer = engine.execution_options(**{_WRITES: True})
        self._autocommit = self._reader if sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and cannot write."""
        with Session(self._reader, info=dict(self._info), autoflush=False) as session:
            yield session

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """A connection for single `SELECT`s, which saves the round trips of a transaction around them."""
        with self._autocommit.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end, or rolls back if an exception leaves the block."""
        state: dict[str, Any] = {"before_commit": [], "after_commit": [], "rings": [], "counts": Counter()}
        with Session(self._writer, info={**self._info, **state}, expire_on_commit=False) as session, session.begin():
            yield session
            for action in state["before_commit"]:
                action()
            counters.write(session)
        for action in state["after_commit"]:
            action()
        for job_id in dict.fromkeys(state["rings"]):
            self.doorbell(job_id)

    def dispose(self) -> None:
        """Close every connection."""
        self._writer.dispose()

    def truncate_wal(self) -> None:
        """Empty SQLite's write-ahead log, which may hold deleted values. `wal_pending`: a reader still needed it."""
        if self._writer.dialect.name != "sqlite":
            return
        self.wal_pending = True
        with closing(self._writer.raw_connection()) as connection:
            cursor = connection.cursor()
            # Do not wait for readers: the sweep tries again.
            cursor.execute("PRAGMA busy_timeout=0")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                (busy, *_) = cursor.fetchone() or (1,)
                self.wal_pending = bool(busy)
            except sqlite3.OperationalError:
                return
            finally:
                cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")

    def ping(self) -> None:
        """Raises `SQLAlchemyError` when the database does not answer."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def revision(self) -> str | None:
        """The revision of the database; None if it has no tables yet."""
        try:
            with self.read() as session:
                return cast("str | None", session.execute(text("SELECT version_num FROM alembic_version")).scalar())
        except SQLAlchemyError:
            self.ping()
            return None


def before_commit(session: Session, action: Callable[[], object]) -> None:
    """Run `action` at the end of the write session's transaction."""
    session.info["before_commit"].append(action)


def after_commit(session: Session, action: Callable[[], object]) -> None:
    """Run `action` after the write session has committed; never if it is rolled back."""
    session.info["after_commit"].append(action)


def keyring_of(session: Session) -> Keyring:
    """The keyring of the process, which uses the digest keys that this database holds."""
    keyring = session.info["keyring"]
    if not isinstance(keyring, Keyring):
        raise RuntimeError("this database was opened without a keyring")
    if not keyring.pinned:
        pin_mac_keys(session, keyring, may_add="before_commit" in session.info)
    return keyring


def _no_doorbell(_: str) -> None:
    pass


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(parsed, connect_args=_postgres_limits())
        event.listen(engine, "checkin", _record_use)
        event.listen(engine, "checkout", partial(_ping_after_idling, engine))
        return engine
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgres_limits() -> dict[str, Any]:
    """So that neither a server nor a network that stops answering holds a process for ever."""
    limits = {
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": _IDLE_TIMEOUT_MS,
    }
    return {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": _UNACKNOWLEDGED_MS,
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
    }


def _record_use(_: Any, record: ConnectionPoolEntry) -> None:
    record.info["used"] = time.monotonic()


def _ping_after_idling(engine: Engine, connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """As `pool_pre_ping`, without the ping if the connection was in use within the last second."""
    if time.monotonic() - record.info.get("used", float("inf")) < PING_AFTER_SECONDS:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error:
        raise InvalidatePoolError from None


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    # The driver's own transactions begin late, and fail where they should wait for the lock.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def lock(session: Session, name: str) -> None:
    """Hold an advisory lock until the transaction ends. On SQLite there is only one writer at a time anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def db_now(session: Session) -> datetime:
    """The present time; on PostgreSQL the start of the transaction by the server's clock."""
    if session.get_bind().dialect.name != "postgresql":
        return clock.now()
    # Reading the time must not flush objects that the caller is still changing.
    with session.no_autoflush:
        moment: datetime = session.execute(select(func.now())).scalar_one()
    return moment.astimezone(UTC)
