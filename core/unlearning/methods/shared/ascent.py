"""Gradient ascent: -L(S_F), the cross-entropy of the answers to forget, negated (arXiv 2210.01504).

L is the mean over an answer's tokens, and then over answers, as in TOFU (arXiv 2401.06121).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from core.unlearning.families.language.model.logits import AnswerLogits
from core.unlearning.families.language.training.row_losses import mean_answer_losses
from core.unlearning.families.language.training.rows import TrainingRow


def ascent(out: AnswerLogits, rows: Sequence[TrainingRow]) -> Tensor:
    """Log p(answer) / |answer| of each row [n]."""
    return -mean_answer_losses(out, len(rows))
