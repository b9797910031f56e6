"""UNDIAL (arXiv 2402.10052): H(softmax(z_frozen - beta 1[y]), p), the mean over an answer's tokens."""

from __future__ import annotations

from torch import Tensor

from core.unlearning.families.language.training.losses import kl_divergence
from core.unlearning.families.language.training.teacher import Teacher

_SMALL = 1e-12


def soft_cross_entropy(logits: Tensor, teacher: Teacher) -> Tensor:
    """Cross-entropy of the teacher's distribution, one bin for all tokens that it leaves out, at n tokens: [n]."""
    rest = (1 - teacher.probs.sum(-1)).clamp(min=0)
    inside = (teacher.probs * teacher.probs.clamp(min=_SMALL).log()).sum(-1)
    whole = teacher.probs.shape[1] >= logits.shape[1]
    entropy = -inside if whole else -inside - rest * rest.clamp(min=_SMALL).log()
    return kl_divergence(logits, teacher) + entropy
