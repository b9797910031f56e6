"""What a benchmark finds, as the tidy rows that `results.json` holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

OVERALL = "overall"
"""The split of what is put together from several."""


@dataclass(frozen=True)
class Record:
    """One number. `split`: the group of questions it is about, or `OVERALL`; `count`: over how many questions."""

    split: str
    metric: str
    value: float
    count: int


def to_json(records: Iterable[Record]) -> list[dict[str, Any]]:
    """As JSON values."""
    return [asdict(record) for record in records]


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Back from `to_json`."""
    return [Record(row["split"], row["metric"], row["value"], row["count"]) for row in rows]


def value(records: Iterable[Record], split: str, metric: str) -> float | None:
    """The number of that name, where it was measured."""
    return next((r.value for r in records if (r.split, r.metric) == (split, metric)), None)
