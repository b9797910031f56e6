"""One process at a time, where what is read decides what is written."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def alone(session: Session, at: str) -> None:
    """Wait until no other transaction is at this. Lasts as long as the transaction; on SQLite every writer is alone."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(at, 0))))
