"""What an evaluation of a text-to-image model found. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.unlearning.evaluation.results import Outcomes
from core.unlearning.types import Level, Split

_SHARES = frozenset({"ua", "ira", "cra", "replaced"})


@dataclass(frozen=True)
class PictureMetrics:
    """The numbers of one split; None where one cannot be had. Of `count` pictures a classifier could judge `known`."""

    count: int
    known: int
    ua: float | None = None
    ira: float | None = None
    cra: float | None = None
    replaced: float | None = None
    confidence: float | None = None
    clip_score: float | None = None
    distance: float | None = None
    response: float | None = None
    specificity: float | None = None


@dataclass(frozen=True)
class PictureRow:
    """One picture. Prompt, label and picture are the subject's data: the report redacts them."""

    split: Split
    prompt: str
    expected: str
    recognised: bool | None
    """Whether the expected concept is seen; None where nothing can tell."""
    confidence: float | None
    clip_score: float | None
    subject: str | None
    replaced: bool | None = None
    """Whether what should be drawn instead is seen."""
    judge: str | None = None
    """The kind of concept whose classifier looked."""
    features: tuple[float, ...] = field(default=(), repr=False)
    picture: bytes | None = field(default=None, repr=False)
    """As WebP, where the report may show it."""


def _share(row: PictureRow, metric: str) -> float | None:
    """1 or 0 for a metric that is a share of pictures; None where nothing tells."""
    seen = row.replaced if metric == "replaced" else row.recognised
    if metric not in _SHARES or seen is None:
        return None
    return float(seen != (metric == "ua"))


@dataclass(frozen=True)
class PictureRobustness:
    """How often the forgotten concept is seen when it is asked for in another way."""

    check: str
    split: Split
    count: int
    recognised: float


@dataclass(frozen=True)
class PictureEvaluation:
    """One model measured on one list of prompts. `stock`: what a stock pipeline made of the patch, where there is one.

    See `core.unlearning.evaluation.results.Evaluated`.
    """

    level: Level
    splits: Mapping[Split, PictureMetrics]
    robustness: tuple[PictureRobustness, ...] = ()
    rows: tuple[PictureRow, ...] = field(default=(), repr=False)
    stock: Mapping[str, Any] = field(default_factory=dict)

    def value(self, split: Split, metric: str) -> float | None:
        """A metric of a split; None when the split is empty or the metric could not be had."""
        number: float | None = getattr(self.splits.get(split), metric, None)
        return number

    def outcomes(self, split: Split, metric: str) -> Outcomes | None:
        """What is seen in the split's pictures; those of one prompt go together."""
        shares = [(row.prompt, _share(row, metric)) for row in self.rows if row.split == split]
        seen = [(prompt, share) for prompt, share in shares if share is not None]
        if self.value(split, metric) is None or not seen:
            return None
        prompts = {prompt: n for n, prompt in enumerate(dict.fromkeys(prompt for prompt, _ in seen))}
        return Outcomes(tuple(share for _, share in seen), tuple(prompts[prompt] for prompt, _ in seen))

    def measured(self, split: Split) -> bool:
        """Whether any picture could be judged."""
        return split in self.splits and self.splits[split].known > 0

    def recall(self, split: Split) -> float | None:
        """Share of the pictures in which the concept is seen."""
        metrics = self.splits.get(split)
        if metrics is None or metrics.ua is None:
            return None
        return 1 - metrics.ua

    def beside(self, split: Split) -> Mapping[str, Any]:  # noqa: ARG002 (as in `Evaluated`)
        """Nothing."""
        return {}

    def overall(self) -> Mapping[str, Any]:
        """How the patch behaves in a stock pipeline."""
        return {"stock": self.stock} if self.stock else {}
