"""The interface that evaluation needs of a model: it answers questions and scores given answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.unlearning.types import Example


@dataclass(frozen=True)
class AnswerScore:
    """Log-probability of one answer. `total`: sum over its tokens in nats, the end of the turn included."""

    total: float
    tokens: int
    facts: float | None = None
    """Mean log-probability of a token of the example's facts; None without facts."""

    @property
    def mean(self) -> float:
        """Mean log-probability of a token."""
        return self.total / max(self.tokens, 1)

    @property
    def probability(self) -> float:
        """exp(mean token log-probability): open-unlearning's "Probability", the geometric mean over the tokens."""
        return math.exp(min(self.mean, 0.0))

    @property
    def fact_probability(self) -> float:
        """exp(mean log-probability of a token of the facts), of the whole answer where it has none."""
        return math.exp(min(self.mean if self.facts is None else self.facts, 0.0))

    @property
    def sequence_probability(self) -> float:
        """exp(sum of the token log-probabilities): the chance that sampling gives exactly this answer."""
        return math.exp(min(self.total, 0.0))


class Answerer(Protocol):
    """A model, with or without a patch. It may be given any number of examples and batches them itself."""

    def generate(self, examples: Sequence[Example]) -> list[str]:
        """Greedy, free-running answers, one for each example, stripped. `answer` of the examples is not looked at."""
        ...

    def score(self, examples: Sequence[Example]) -> list[AnswerScore]:
        """Teacher-forced log p(answer | image, question) of each example."""
        ...
