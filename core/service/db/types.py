"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

JsonB = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BigIntKey = BigInteger().with_variant(Integer, "sqlite")
"""SQLite assigns increasing values only to a column of exactly the type `INTEGER`."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time with a zone, stored in UTC. Naive values are refused; those that SQLite returns are read as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Raises `ValueError` for naive values."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, _: Dialect) -> datetime | None:
        """Returns aware values in UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
