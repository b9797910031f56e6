"""Repeats a transaction while the database is unavailable."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import DBAPIError

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt."""

log = structlog.get_logger(__name__)


def retry(work: Callable[[], None]) -> None:
    """Call `work`, which is a transaction, until it succeeds. After half a minute the error is raised."""
    for pause in PAUSES:
        try:
            return work()
        except DBAPIError as error:
            log.warning("database_away", error=type(error).__name__, retry_in=pause)
            time.sleep(pause)
    return work()
