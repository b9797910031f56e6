"""Draws rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def take(rows: Sequence[T], count: int, rng: random.Random) -> list[T]:
    """At most `count` of the rows, drawn without replacement, in their order."""
    if len(rows) <= count:
        return list(rows)
    return [rows[i] for i in sorted(rng.sample(range(len(rows)), count))]
