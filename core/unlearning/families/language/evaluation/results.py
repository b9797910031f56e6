"""The results of one evaluation: per probe, per split, and per robustness check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.unlearning.types import Level, Split


@dataclass(frozen=True)
class SplitMetrics:
    """The metrics of one split; None where a metric cannot be computed. `known` of `count` questions had an answer."""

    count: int
    known: int
    exact: float | None = None
    rouge_l: float | None = None
    probability: float | None = None
    sequence_probability: float | None = None
    truth_ratio: float | None = None
    refusal_rate: float | None = None
    gibberish_rate: float | None = None
    membership_auc: float | None = None
    membership_low: float | None = None
    membership_high: float | None = None

    def value(self, metric: str) -> float | None:
        """The metric of that name (one of `config.METRICS`)."""
        number: float | None = getattr(self, metric)
        return number


@dataclass(frozen=True)
class ProbeResult:
    """One question with the model's output. Holds the subject's data; the report redacts it."""

    split: Split
    question: str
    answer: str
    output: str
    known: bool
    exact: bool
    rouge_l: float
    refused: bool
    gibberish: bool
    probability: float
    sequence_probability: float
    truth_ratio: float | None
    subject: str | None
    image: bool


@dataclass(frozen=True)
class RobustnessResult:
    """Recall of forgotten answers on one split under one robustness check."""

    check: str
    split: str
    count: int
    exact: float
    refusal_rate: float


@dataclass(frozen=True)
class Evaluation:
    """One model measured on one list of examples."""

    level: Level
    splits: Mapping[Split, SplitMetrics]
    robustness: tuple[RobustnessResult, ...] = ()
    rows: tuple[ProbeResult, ...] = field(default=(), repr=False)

    def value(self, split: Split, metric: str) -> float | None:
        """A metric of a split; None when the split is empty or the metric could not be had."""
        metrics = self.splits.get(split)
        return metrics.value(metric) if metrics else None

    def measured(self, split: Split) -> bool:
        """Whether anything was asked."""
        return split in self.splits and self.splits[split].count > 0

    def recall(self, split: Split) -> float | None:
        """Exact recall."""
        return self.value(split, "exact")

    def beside(self, split: Split) -> Mapping[str, Any]:
        """The interval of the membership AUC."""
        metrics = self.splits[split]
        return {"membership_interval": [metrics.membership_low, metrics.membership_high]}

    def overall(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def numbers(self) -> dict[str, Any]:
        """JSON values without any data of the subject."""
        return {**asdict(replace(self, rows=())), "rows": []}
