"""The clock for leases: the database's own where workers may disagree about the time, this machine's otherwise."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.service import clock


def db_now(session: Session) -> datetime:
    """The present moment. On PostgreSQL the transaction's, by the server's clock."""
    if session.get_bind().dialect.name != "postgresql":
        return clock.now()
    # Asking for the time must not write what is only half changed.
    with session.no_autoflush:
        moment: datetime = session.execute(select(func.now())).scalar_one()
    return moment.astimezone(UTC)
