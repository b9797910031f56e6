"""Measured numbers as tidy records: one for each split and metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

OVERALL = "overall"
"""The split of numbers that are composed from several splits."""


@dataclass(frozen=True)
class Record:
    """One number. `split`: the group of questions, or `OVERALL`; `count`: the number of questions."""

    split: str
    metric: str
    value: float
    count: int


def to_json(records: Iterable[Record]) -> list[dict[str, Any]]:
    """As JSON values."""
    return [asdict(record) for record in records]


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[Record]:
    """The inverse of `to_json`."""
    return [Record(row["split"], row["metric"], row["value"], row["count"]) for row in rows]


def value(records: Iterable[Record], split: str, metric: str) -> float | None:
    """The record's value; None where it was not measured."""
    return next((r.value for r in records if (r.split, r.metric) == (split, metric)), None)
