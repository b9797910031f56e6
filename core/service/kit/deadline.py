from __future__ import annotations

import calendar
from datetime import datetime, timedelta

SATURDAY = 5


def due_at(received: datetime) -> datetime:
    """The moment by which a request that was received then must be answered."""
    following = received.replace(day=1) + timedelta(days=31)
    last = calendar.monthrange(following.year, following.month)[1]
    due = following.replace(day=min(received.day, last))
    return due + timedelta(days=7 - due.weekday() if due.weekday() >= SATURDAY else 0)
