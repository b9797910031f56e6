"""When a request must be answered.

CCPA, Cal. Civ. Code 1798.130(a)(2)(A), gives 45 days from receipt. Art. 12(3) GDPR gives one month. Regulation 1182/71,
art. 3, says how months are counted: to the same date, or to the last day of a month that has no such date; a period
that ends on a weekend ends on the next working day. Public holidays are left out: they differ by country, and would
only move the date further away.
"""

from __future__ import annotations

import calendar
from datetime import datetime, timedelta
from typing import Literal

SATURDAY = 5
CCPA_DAYS = 45
Regulation = Literal["gdpr", "ccpa"]


def due_at(received: datetime, regulation: Regulation = "gdpr", *, extension_months: int = 0) -> datetime:
    """The time by which a request that was received at `received` must be answered.

    `extension_months`: by how much the period was extended. Art. 12(3) GDPR allows two further months; CCPA,
    1798.130(a)(2)(A), 45 further days, whatever the number.
    """
    if regulation == "ccpa":
        return received + timedelta(days=CCPA_DAYS * (2 if extension_months else 1))
    due = _months_after(received, 1 + extension_months)
    return due + timedelta(days=7 - due.weekday() if due.weekday() >= SATURDAY else 0)


def _months_after(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + year, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
