"""Results of an evaluation, as values that another process can send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from core.unlearning.types import Level, Split


@dataclass(frozen=True)
class Outcomes:
    """What each probe of a split gave, in [0, 1], and by number the cluster that it belongs to.

    Probes of one cluster (about the same picture, or the same question in other wordings) stand or fall together.
    """

    values: tuple[float, ...]
    clusters: tuple[int, ...]


class SplitCounts(Protocol):
    """The numbers of one split."""

    @property
    def count(self) -> int:
        """Number of examples."""

    @property
    def known(self) -> int:
        """Number of examples that could be judged."""


class Evaluated(Protocol):
    """One model measured on one list of examples, as verdict and report see it, whatever the model's family."""

    @property
    def level(self) -> Level:
        """The level of the evaluation."""

    @property
    def splits(self) -> Mapping[Split, SplitCounts]:
        """By split, in order of evaluation."""

    @property
    def robustness(self) -> tuple[Any, ...]:
        """Dataclasses with `check`, `split`, `count` and the field that `Measures.recall` names."""

    def value(self, split: Split, metric: str) -> float | None:
        """A metric of a split; None when the split is empty or the metric could not be measured."""

    def outcomes(self, split: Split, metric: str) -> Outcomes | None:
        """The probes whose mean the metric is, in order; None where it is no such mean, or they are not at hand."""

    def measured(self, split: Split) -> bool:
        """Whether the split says anything about what the model knows."""

    def recall(self, split: Split) -> float | None:
        """How much of the split the model knows, in [0, 1]."""

    def beside(self, split: Split) -> Mapping[str, Any]:
        """Details of a split for the report, as JSON values."""

    def overall(self) -> Mapping[str, Any]:
        """Details of the whole evaluation for the report, as JSON values."""
