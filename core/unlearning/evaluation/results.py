"""What an evaluation found, as values that can come from another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from core.unlearning.types import Level, Split


class SplitCounts(Protocol):
    """The numbers of one split."""

    @property
    def count(self) -> int:
        """How often the model was asked."""

    @property
    def known(self) -> int:
        """How often it could be said whether it knew."""


class Evaluated(Protocol):
    """One model measured on one list of examples, as verdict and report see it, whatever the model's family."""

    @property
    def level(self) -> Level:
        """How thoroughly."""

    @property
    def splits(self) -> Mapping[Split, SplitCounts]:
        """By split, in the order they were asked in."""

    @property
    def robustness(self) -> tuple[Any, ...]:
        """Dataclasses with `check`, `split`, `count` and the field that `Measures.recall` names."""

    def value(self, split: Split, metric: str) -> float | None:
        """A metric of a split; None when the split is empty or the metric could not be had."""

    def measured(self, split: Split) -> bool:
        """Whether the split says anything about what the model knows."""

    def recall(self, split: Split) -> float | None:
        """How much of the split the model knows, in [0, 1]."""

    def beside(self, split: Split) -> Mapping[str, Any]:
        """What the report says of a split beside its metrics, as JSON values."""

    def overall(self) -> Mapping[str, Any]:
        """What the report says of the whole, as JSON values."""
