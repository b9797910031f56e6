"""What a verdict is measured by. A key is `<split>.<metric>` (the value after), or the same with `.drop` or `.rise`
(how far it may fall or grow from the value before), `.gap` (how far it may be, either way, from the value of a model
that never learned the subject) or `.upper` (the value that it stays below for certain, as `evidence` has it). Free of
torch and of the metric libraries: `api` validates with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from core.unlearning.evaluation.measures import Measures
from core.unlearning.types import EntityKind, Level, Split

SPLITS: tuple[Split, ...] = get_args(Split)
Change = Literal["drop", "rise", "gap", "upper"]


@dataclass(frozen=True)
class ThresholdKey:
    """A threshold's key, taken apart. `change` is None where the value after is bounded itself."""

    split: Split
    metric: str
    change: Change | None

    def bound_is_floor(self, measures: Measures) -> bool:
        """Whether the value must be at least the bound, rather than at most. Changes are always bounded above."""
        return self.change is None and measures.is_floor(self.split, self.metric)


def parse_key(key: str, measures: Measures) -> ThresholdKey:
    """Raises `ValueError` for a key that names no split, metric or change."""
    split, _, rest = key.partition(".")
    metric, _, change = rest.partition(".")
    known = split in SPLITS and metric in measures.metrics and change in ("", *get_args(Change))
    if not known or key.endswith("."):
        changes = " or ".join(f".{each}" for each in get_args(Change))
        raise ValueError(f"unknown threshold {key!r}: expected <split>.<metric>, or that with {changes}")
    return ThresholdKey(cast("Split", split), metric, cast("Change", change) or None)


def validate_thresholds(mapping: Mapping[str, object], measures: Measures) -> dict[str, float]:
    """A request's overrides as numbers. Raises `ValueError` naming the first that is unknown or out of its range."""
    checked: dict[str, float] = {}
    for key, value in mapping.items():
        metric = parse_key(key, measures).metric
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"threshold {key!r} must be a finite number")
        if metric in measures.unbounded and value < 0:
            raise ValueError(f"threshold {key!r} must not be below 0")
        if metric not in measures.unbounded and not 0 <= value <= 1:
            raise ValueError(f"threshold {key!r} must be between 0 and 1")
        checked[key] = float(value)
    return checked


def resolve(
    overrides: Mapping[str, object], measures: Measures, *, level: Level, kind: EntityKind = "identity"
) -> dict[str, float]:
    """The defaults under the overrides. Who sets a value's own threshold is not held to the default of its `.upper`."""
    dropped = measures.unless_kind.get(kind, frozenset()) | {f"{key}.upper" for key in overrides}
    defaults = {**measures.defaults, **measures.by_level.get(level, {})}
    kept = {key: bound for key, bound in defaults.items() if key not in dropped}
    return {**kept, **validate_thresholds(overrides, measures)}
