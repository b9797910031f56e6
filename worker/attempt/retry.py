"""Trying again while the database is away for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

log = structlog.get_logger(__name__)


def patiently(work: Callable[[], None]) -> None:
    """Do `work`, a transaction of its own, until it went through; about half a minute long."""
    for pause in PAUSES:
        try:
            return work()
        except DBAPIError as error:
            log.warning("database_away", error=type(error).__name__, retry_in=pause)
            time.sleep(pause)
    return work()
