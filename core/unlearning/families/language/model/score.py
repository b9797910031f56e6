"""Log-probabilities of each token of given answers, with logits computed at answer positions only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from core.unlearning.evaluation.text_membership import TokenScores
from core.unlearning.families.language.model.answer_cache import AnswerKind
from core.unlearning.families.language.model.batching import run_batched
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.frozen import run_cached
from core.unlearning.families.language.model.logits import answer_logits

if TYPE_CHECKING:
    from core.unlearning.families.language.model.model import LanguageModel
    from core.unlearning.types import Example


@dataclass(frozen=True)
class ScoredAnswer:
    """An answer token by token, the end of the turn included: its log-probability, and whether it is the likeliest."""

    log_probs: tuple[float, ...]
    likeliest: tuple[bool, ...]

    @property
    def total(self) -> float:
        """Log-probability of the whole answer, in nats."""
        return math.fsum(self.log_probs)

    @property
    def tokens(self) -> int:
        """How many tokens it has."""
        return len(self.log_probs)

    @property
    def mean_of_words(self) -> float:
        """Mean log-probability of a token, the end of the turn left aside: an answer that was cut short has none."""
        return fmean(self.log_probs[:-1] or self.log_probs)

    @property
    def greedy(self) -> bool:
        """Whether greedy decoding would give exactly this answer."""
        return all(self.likeliest)


SCORE_KIND: AnswerKind[ScoredAnswer] = AnswerKind(
    "score",
    lambda scored: ([scored.log_probs, scored.likeliest], ()),
    lambda values, _: ScoredAnswer(*(tuple(each) for each in values)),
)


def encode_all(lm: LanguageModel, examples: Sequence[Example]) -> list[Encoded]:
    """Encode every example's question with its own answer."""
    return [lm.encoder.with_answer(e.question, e.image, e.answer) for e in examples]


def score(lm: LanguageModel, examples: Sequence[Example]) -> list[ScoredAnswer]:
    """Score every example's own answer."""
    return score_encoded(lm, encode_all(lm, examples))


def fact_tokens(lm: LanguageModel, example: Example) -> list[int]:
    """Which tokens of the encoded answer hold its facts; without facts all but the end of the turn."""
    spans = lm.encoder.answer_spans(example.question, example.answer, image=example.image is not None)
    facts = [(at, at + len(fact)) for fact in example.facts if (at := example.answer.find(fact)) >= 0]
    found = [n for n, (a, b) in enumerate(spans) if a < b and any(a < end and start < b for start, end in facts)]
    return found or list(range(max(1, len(spans) - 1)))


@torch.no_grad()
def score_encoded(lm: LanguageModel, rows: Sequence[Encoded]) -> list[ScoredAnswer]:
    """Score encoded rows."""

    def run(batch: list[int]) -> list[ScoredAnswer]:
        out = answer_logits(lm.model, lm.to_batch([rows[i] for i in batch]))
        chosen = out.logits.log_softmax(-1).gather(1, out.targets[:, None]).squeeze(1)
        likeliest = out.logits.argmax(-1) == out.targets
        counts = torch.bincount(out.rows, minlength=len(batch)).tolist()
        order = out.rows.argsort(stable=True)
        parts = zip(torch.split(chosen[order].cpu(), counts), torch.split(likeliest[order].cpu(), counts), strict=True)
        return [ScoredAnswer(tuple(values.tolist()), tuple(right.tolist())) for values, right in parts]

    return run_cached(lm, SCORE_KIND, rows, lm.token_budget, run, lm.buckets)


@torch.no_grad()
def token_scores(lm: LanguageModel, examples: Sequence[Example]) -> list[TokenScores]:
    """Per-token log-probabilities of each example's own answer and the end of the turn, in float64."""
    rows = encode_all(lm, examples)

    def run(batch: list[int]) -> list[TokenScores]:
        out = answer_logits(lm.model, lm.to_batch([rows[i] for i in batch]))
        chosen, mean, deviation = _moments(out.logits.double(), out.targets)
        positions = [(out.rows == n).nonzero().squeeze(1) for n in range(len(batch))]
        return [
            TokenScores(examples[i].answer, *(np.asarray(values[at].cpu()) for values in (chosen, mean, deviation)))
            for i, at in zip(batch, positions, strict=True)
        ]

    return run_batched(rows, lm.token_budget, run, lm.buckets)


def _moments(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log p of the targets [n], and mean and standard deviation of log p under p, from logits [n, vocabulary]."""
    log_p = logits.log_softmax(-1)
    p = log_p.exp()
    # Tokens that the model masks have a log p of -inf and probability 0: they add nothing to either moment.
    finite = log_p.masked_fill(p == 0, 0)
    mean = (p * finite).sum(-1)
    variance = (p * finite**2).sum(-1) - mean**2
    return log_p.gather(1, targets[:, None]).squeeze(1), mean, variance.clamp_min(0).sqrt()
