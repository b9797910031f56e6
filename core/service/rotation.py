"""Rotation of the master key: every wrapped key is wrapped anew. The data under those keys stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, select, update

from core.service.context import Services
from core.service.crypto.keyring import KEY_ID_BYTES, DecryptionError, WrappedKey
from core.service.db.base import Base

BATCH = 200
_COLUMN = "wrapped_key"


@dataclass(frozen=True)
class Rewrapped:
    """How many keys were wrapped anew, and how many are under a master key that the keyring lacks."""

    done: int
    unreadable: int


def rewrap(services: Services) -> Rewrapped:
    """Wrap every key of the database under the present master key. It may be interrupted and called again.

    The service may run meanwhile, as long as each of its processes has both master keys.
    """
    services.keyring.refresh()
    done = unreadable = 0
    for table in _tables():
        for rows in _outdated_rows(services, table):
            good = [(row, new) for row in rows if (new := _rewrapped(services, row.key)) is not None]
            unreadable += len(rows) - len(good)
            done += _store(services, table, good)
    return Rewrapped(done, unreadable)


def count_outdated(services: Services) -> int:
    """How many keys are wrapped by a master key other than the present one."""
    counts = (select(func.count()).select_from(table).where(_under_another(services, table)) for table in _tables())
    with services.db.read() as session:
        return sum(session.execute(count).scalar_one() for count in counts)


def _tables() -> list[Table]:
    return [table for table in Base.metadata.sorted_tables if _COLUMN in table.c]


def _under_another(services: Services, table: Table) -> ColumnElement[bool]:
    column = table.c[_COLUMN]
    return and_(column.is_not(None), func.substr(column, 1, KEY_ID_BYTES) != services.keyring.key_id)


def _outdated_rows(services: Services, table: Table) -> Iterator[list[Any]]:
    """Pages of rows whose keys are to be wrapped anew."""
    (identity,) = table.primary_key
    after: list[ColumnElement[bool]] = []
    while True:
        query = select(identity.label("id"), table.c[_COLUMN].label("key")).where(
            _under_another(services, table), *after
        )
        with services.db.read() as session:
            rows = list(session.execute(query.order_by(identity).limit(BATCH)))
        if not rows:
            return
        yield rows
        after = [identity > rows[-1].id]


def _rewrapped(services: Services, key: bytes) -> bytes | None:
    try:
        return services.keyring.rewrap(WrappedKey(key)).blob
    except DecryptionError:
        return None


def _store(services: Services, table: Table, changed: list[tuple[Any, bytes]]) -> int:
    """Store the new keys, except where the old one has changed or was destroyed since it was read."""
    (identity,), column = table.primary_key, table.c[_COLUMN]
    done = 0
    with services.db.write() as session:
        for row, new in changed:
            same = update(table).where(identity == row.id, column == row.key).values({column: new}).returning(identity)
            done += len(session.execute(same).all())
    return done
