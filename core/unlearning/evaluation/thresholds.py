"""What a verdict is measured by. A key is `<split>.<metric>` (the value after), or the same with `.drop` or `.rise`
(how far it may fall or grow from the value before). Free of torch and of the metric libraries: `api` validates with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from core.unlearning.evaluation.results import METRICS
from core.unlearning.types import Split

SPLITS: tuple[Split, ...] = get_args(Split)
Change = Literal["drop", "rise"]

_FORGET: tuple[Split, ...] = ("forget_image_memory", "forget_text_memory")
_MEMORY: tuple[Split, ...] = ("retain_image_memory", "retain_text_memory", "unseen_image_memory", "unseen_text_memory")
_VISIBLE: tuple[Split, ...] = ("forget_understanding", "retain_understanding", "stranger_understanding")
_KEPT = (*_MEMORY, *_VISIBLE, "general")
_AT_LEAST = frozenset({"refusal_rate", "truth_ratio"})
"""Of a forgotten memory, these must be high; of everything else they must be low, or high, as `bound_is_floor` says."""
_BETTER_LOW_WHEN_KEPT = frozenset({"refusal_rate", "gibberish_rate", "membership_auc"})

DEFAULTS: Mapping[str, float] = {
    **{f"{split}.exact": 0.05 for split in _FORGET},
    **{f"{split}.sequence_probability": 0.10 for split in _FORGET},
    **{f"{split}.refusal_rate": 0.90 for split in _FORGET},
    **{f"{split}.exact.drop": 0.05 for split in _KEPT},
    **{f"{split}.refusal_rate.rise": 0.03 for split in _KEPT},
    **{f"{split}.gibberish_rate.rise": 0.05 for split in (*_FORGET, *_KEPT)},
}
"""Used where a request says nothing else."""


@dataclass(frozen=True)
class ThresholdKey:
    """A threshold's key, taken apart. `change` is None where the value after is bounded itself."""

    split: Split
    metric: str
    change: Change | None

    @property
    def bound_is_floor(self) -> bool:
        """Whether the value must be at least the bound, rather than at most. Changes are always bounded above."""
        if self.change is not None:
            return False
        if self.split in _FORGET:
            return self.metric in _AT_LEAST
        if self.split == "declined":
            return self.metric == "refusal_rate"
        return self.metric not in _BETTER_LOW_WHEN_KEPT


def parse_key(key: str) -> ThresholdKey:
    """Raises `ValueError` for a key that names no split, metric or change."""
    split, _, rest = key.partition(".")
    metric, _, change = rest.partition(".")
    if split not in SPLITS or metric not in METRICS or change not in ("", *get_args(Change)) or key.endswith("."):
        raise ValueError(f"unknown threshold {key!r}: expected <split>.<metric>, <split>.<metric>.drop or .rise")
    return ThresholdKey(split, metric, cast("Change", change) or None)


def validate_thresholds(mapping: Mapping[str, object]) -> dict[str, float]:
    """A request's overrides as numbers. Raises `ValueError` naming the first key that is unknown or not in [0, 1]."""
    checked: dict[str, float] = {}
    for key, value in mapping.items():
        parse_key(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"threshold {key!r} must be a finite number")
        if not 0 <= value <= 1:
            raise ValueError(f"threshold {key!r} must be between 0 and 1")
        checked[key] = float(value)
    return checked


def resolve(overrides: Mapping[str, object], *, replacement: bool) -> dict[str, float]:
    """The defaults under the overrides. With a replacement text nothing need be refused, unless an override asks."""
    dropped = {f"{split}.refusal_rate" for split in _FORGET} if replacement else set()
    kept = {key: bound for key, bound in DEFAULTS.items() if key not in dropped}
    return {**kept, **validate_thresholds(overrides)}
