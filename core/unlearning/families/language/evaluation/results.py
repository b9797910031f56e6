"""The results of one evaluation: per probe, per split, and per robustness check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.unlearning.evaluation.results import Outcomes
from core.unlearning.types import Level, Split


@dataclass(frozen=True)
class SplitMetrics:
    """The metrics of one split; None where a metric cannot be computed. `known` of `count` questions had an answer."""

    count: int
    known: int
    exact: float | None = None
    rouge_l: float | None = None
    probability: float | None = None
    fact_probability: float | None = None
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
    fact_probability: float
    sequence_probability: float
    truth_ratio: float | None
    subject: str | None
    image: bool


_READ_FROM = {"refusal_rate": "refused", "gibberish_rate": "gibberish"}
"""Fields of a row that are called otherwise than the metric that is their mean."""
_NO_MEANS = frozenset({"truth_ratio", "membership_auc"})
_OF_ALL = frozenset({"gibberish_rate"})
"""Metrics of all rows, not of the known ones alone."""


@dataclass(frozen=True)
class PictureCount:
    """With how many pictures a split asks; the others than `unseen` are altered copies of training pictures."""

    asked: int
    unseen: int


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
    clusters: tuple[int, ...] = field(default=(), repr=False)
    """Of each row: see `clusters`."""
    pictures: Mapping[Split, PictureCount] = field(default_factory=dict)
    """Of the splits that ask with pictures."""

    def value(self, split: Split, metric: str) -> float | None:
        """A metric of a split; None when the split is empty or the metric could not be had."""
        metrics = self.splits.get(split)
        return metrics.value(metric) if metrics else None

    def outcomes(self, split: Split, metric: str) -> Outcomes | None:
        """Those of the split's rows that the metric is a mean over."""
        rows = [(row, cluster) for row, cluster in zip(self.rows, self.clusters, strict=False) if row.split == split]
        if metric not in _OF_ALL:
            rows = [pair for pair in rows if pair[0].known] or (rows if metric == "refusal_rate" else [])
        if metric in _NO_MEANS or not rows:
            return None
        name = _READ_FROM.get(metric, metric)
        return Outcomes(tuple(float(getattr(row, name)) for row, _ in rows), tuple(cluster for _, cluster in rows))

    def measured(self, split: Split) -> bool:
        """Whether anything was asked."""
        return split in self.splits and self.splits[split].count > 0

    def recall(self, split: Split) -> float | None:
        """Exact recall."""
        return self.value(split, "exact")

    def beside(self, split: Split) -> Mapping[str, Any]:
        """The interval of the membership AUC, and the number of pictures where there are any."""
        metrics, pictures = self.splits[split], self.pictures.get(split)
        interval = {"membership_interval": [metrics.membership_low, metrics.membership_high]}
        return {**interval, "pictures": asdict(pictures)} if pictures else interval

    def overall(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}

    def numbers(self) -> dict[str, Any]:
        """JSON values without any data of the subject."""
        return {**asdict(replace(self, rows=(), clusters=())), "rows": [], "clusters": []}
