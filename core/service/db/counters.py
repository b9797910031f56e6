"""Counters in the database: they are right whichever process counts, and however often it restarts.

What a write session counts is added in one statement just before its commit, in the order of the names, so that two
transactions never deadlock over their counters.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.service.db.tables.metrics import Counter

SUM = "sum"
"""The value of `le` under which the sum of a histogram's observations is stored."""


def count(s: Session, name: str, labels: Mapping[str, str], by: float = 1.0) -> None:
    """Add to a counter when the write session commits. The values of labels must come from small fixed sets."""
    s.info["counts"][name, json.dumps(dict(labels), sort_keys=True)] += by


def observe(s: Session, name: str, labels: Mapping[str, str], value: float, bounds: Sequence[float]) -> None:
    """Add an observation to a histogram with these upper bounds."""
    bucket = bisect_left(bounds, value)
    count(s, name, {**labels, "le": str(bounds[bucket]) if bucket < len(bounds) else "+Inf"})
    count(s, name, {**labels, "le": SUM}, value)


def write(s: Session) -> None:
    """Add what the session has counted. Called as the last statement of its transaction."""
    counts: Tally[tuple[str, str]] = s.info["counts"]
    if not counts:
        return
    insert = postgresql.insert if s.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [{"name": name, "labels": labels, "value": value} for (name, labels), value in sorted(counts.items())]
    statement = insert(Counter).values(rows)
    key, total = [Counter.name, Counter.labels], Counter.value + statement.excluded.value
    s.execute(statement.on_conflict_do_update(index_elements=key, set_={"value": total}))


def read(s: Session, name: str) -> Iterator[tuple[Mapping[str, str], float]]:
    """Labels and value of every counter of this name."""
    for labels, value in s.execute(select(Counter.labels, Counter.value).where(Counter.name == name)):
        parsed: dict[str, Any] = json.loads(labels)
        yield parsed, value
