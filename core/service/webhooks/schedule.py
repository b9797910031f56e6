"""When to retry: ten attempts within a day at growing intervals, and never sooner than the receiver asks for."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

Jitter = Callable[[float, float], float]
"""`random.uniform`, or a test's replacement of it."""

_MINUTE, _HOUR = 60.0, 3600.0
OFFSETS = (
    0.0, 5.0, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR,
)  # fmt: skip
"""Seconds from the first attempt to each attempt (the schedule that Standard Webhooks suggests)."""
GIVE_UP_AFTER = timedelta(seconds=OFFSETS[-1] * 1.2)
JITTER = 0.1
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 5 * _MINUTE
LONGEST_RETRY_AFTER = OFFSETS[-1]


def next_delay(tries: int, retry_after: float | None = None, jitter: Jitter = random.uniform) -> timedelta | None:
    """The delay after `tries` failed attempts; None after the last."""
    if tries >= len(OFFSETS):
        return None
    gap = OFFSETS[tries] - OFFSETS[tries - 1]
    return timedelta(seconds=max(gap * jitter(1 - JITTER, 1 + JITTER), retry_after or 0.0))


def pause(failures: int, retry_after: float | None = None) -> timedelta:
    """How long all deliveries to an endpoint pause after so many failures in a row."""
    backoff = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE)
    return timedelta(seconds=max(backoff, retry_after or 0.0))


def retry_after_seconds(header: str, at: datetime) -> float | None:
    """The seconds of a `Retry-After` header (RFC 9110, seconds or a date), at most a day; None if it is not valid."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - at).total_seconds()), LONGEST_RETRY_AFTER)
