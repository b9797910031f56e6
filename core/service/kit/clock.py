"""The present time, and times in requests."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError


def now() -> datetime:
    """The present time, with the zone UTC."""
    return datetime.now(UTC)


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d")


def _written_out(value: object) -> object:
    if not isinstance(value, datetime) and not (isinstance(value, str) and _RFC_3339.match(value)):
        raise PydanticCustomError("datetime_form", "Write a time as RFC 3339 has it: 2026-01-31T12:00:00Z.")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_range", "The time is out of range.") from None


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
"""An RFC 3339 time with a zone, converted to UTC. Numbers are refused: they may mean seconds or milliseconds."""
