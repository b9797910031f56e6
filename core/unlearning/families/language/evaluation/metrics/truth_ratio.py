"""Truth ratio (TOFU, Maini et al. 2024, eq. 1; aggregators as in open-unlearning).

r = exp(-mean loss of the wrong answers) / exp(-loss of the right answer), losses averaged over tokens. A model that has
never learned a fact finds it about as likely as a wrong one: r = 1. The right answer is the recorded one, where TOFU
takes a paraphrase of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from core.unlearning.families.language.model.answerer import AnswerScore

_TINY = 1e-10


def truth_ratio(right: AnswerScore, wrong: Sequence[AnswerScore]) -> float:
    """The ratio r of one question, in [0, inf)."""
    return math.exp(min(fmean(score.mean for score in wrong), 0.0)) / (right.probability + _TINY)


def closer_to_one(ratios: Sequence[float]) -> float:
    """Mean of min(r, 1/r): 1 = the right answer stands out in neither direction. For what must be forgotten."""
    return fmean(min(ratio, 1 / (ratio + _TINY)) for ratio in ratios)


def true_better(ratios: Sequence[float]) -> float:
    """Mean of max(0, 1 - r): 1 = the right answer is far likelier than wrong ones. For what must be kept."""
    return fmean(max(0.0, 1 - ratio) for ratio in ratios)
