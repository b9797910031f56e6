"""One month from receipt, as the law counts months, or 45 days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.service.kit.deadline import due_at


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-03-10", "2026-04-10"),
        ("2026-01-31", "2026-03-02"),  # 28 February is a Saturday.
        ("2024-01-31", "2024-02-29"),
        ("2024-01-30", "2024-02-29"),
        ("2026-03-31", "2026-04-30"),
        ("2026-05-31", "2026-06-30"),
        ("2026-11-30", "2026-12-30"),
        ("2026-12-31", "2027-02-01"),  # 31 January is a Sunday.
        ("2026-07-05", "2026-08-05"),
        ("2026-07-08", "2026-08-10"),  # 8 August is a Saturday.
        ("2026-07-09", "2026-08-10"),  # 9 August is a Sunday.
    ],
)
def test_a_month_from_receipt(received: str, due: str) -> None:
    moment = datetime.fromisoformat(f"{received}T13:14:15.000016+00:00")
    assert due_at(moment) == datetime.fromisoformat(f"{due}T13:14:15.000016+00:00")


def test_ccpa_gives_45_days() -> None:
    received = datetime.fromisoformat("2026-11-30T13:14:15+00:00")
    assert due_at(received, "ccpa") == datetime.fromisoformat("2027-01-14T13:14:15+00:00")


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_it_is_a_working_day_and_never_more_than_two_days_late(received: datetime) -> None:
    received = received.replace(tzinfo=UTC)
    due = due_at(received)
    assert due.weekday() < 5
    assert timedelta(days=28) <= due - received <= timedelta(days=33)
