"""What is measured of the models of a family, and what must hold. Free of torch: `api` validates thresholds with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.unlearning.types import EntityKind, Level, Split

if TYPE_CHECKING:
    from core.unlearning.evaluation.results import Evaluated


@dataclass(frozen=True)
class Heading:
    """What a split is called where people read it."""

    title: str
    explanation: str
    """What is asked in it."""


@dataclass(frozen=True)
class Unit:
    """What the probes of a split are clustered by: each counts once in what a share can show."""

    one: str
    several: str
    source: str
    """Where more of them would come from."""
    per: int = 1
    """How many more a request brings for one more to be asked about."""

    def counted(self, number: int) -> str:
        """The number with the unit."""
        return f"{number} {self.one if number == 1 else self.several}"


GROUP = Unit("group", "groups", "")
"""Where a family does not say."""


@dataclass(frozen=True)
class StandIn:
    """What stands in for a reference model's value where there is none. `slack`: how far off chance may lead."""

    value: float
    slack: float
    words: str


@dataclass(frozen=True)
class Measures:
    """`families/<name>/config.py: MEASURES`. Threshold keys are those of `thresholds`."""

    splits: Mapping[Split, Heading]
    """The splits that models of the family are measured on."""
    metrics: Mapping[str, str]
    """By name, what each is called where people read it."""
    recall: str
    """What a robustness check counts: a field of it, which the report also gives for the model before."""
    judged: tuple[Split, ...]
    """Splits on which forgetting must show."""
    defaults: Mapping[str, float]
    """Thresholds where a request says nothing else."""
    is_floor: Callable[[Split, str], bool]
    """Whether a metric's value after must be at least its bound, rather than at most."""
    expected: Mapping[Split, str]
    """Splits whose absence the verdict notes, in words."""
    nothing_measured: str
    """Why a request fails on whose subject nothing could be measured."""
    unknown: str
    """What is noted of a split in which the model never knew the subject."""
    by_level: Mapping[Level, Mapping[str, float]] = field(default_factory=dict)
    """Further default thresholds, by level of the evaluation."""
    counted: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By metric, what is said of a probe that shows it, and of one that does not."""
    units: Mapping[Split, Unit] = field(default_factory=dict)
    """What the probes of a split are clustered by."""
    counterfactual: str | None = None
    """What says how a model answers that never learned the subject, where no such model is registered."""
    unbounded: frozenset[str] = frozenset()
    """Metrics that are not shares."""
    above_reference: frozenset[str] = frozenset()
    """On judged splits these may be as high as in a model that never learned the subject, plus the threshold."""
    unless_kind: Mapping[EntityKind, frozenset[str]] = field(default_factory=dict)
    """Default thresholds that do not hold for requests of a kind."""
    reference_may_know: bool = False
    """Whether a reference that recalls the subject is a reference all the same, since it generalises."""
    stand_in: Callable[[Evaluated, Evaluated, EntityKind, Split, str], StandIn | None] = lambda *_: None
    """What a `.gap` is measured from without a reference: of the evaluations before and after, by kind of request."""
    asked_of_reference: tuple[Split, ...] = ()
    """Splits that a reference model is measured on."""

    def title(self, split: Split) -> str:
        """A split's title; the name of a split of another family, which a threshold can name too."""
        return self.splits[split].title if split in self.splits else split
