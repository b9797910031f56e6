"""The two token losses, and their mean over each row's answer tokens.

Cross-entropy is the paper's loss (arXiv 2511.20196, L_f and the retaining anchor). KL(teacher || student) pulls the
model to a distribution of the frozen model: its own on rows to keep (an anchor), a stranger's on rows to forget.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.unlearning.families.language.training.teacher import Teacher

_SMALL = 1e-12


def row_means(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """Mean of `values` [n] by row [n]: [count]."""
    total = torch.zeros(count, device=values.device).index_add(0, rows, values)
    return total / torch.bincount(rows, minlength=count).clamp(min=1)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-log p(target) [n] of each token."""
    return torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def kl_divergence(logits: Tensor, teacher: Teacher) -> Tensor:
    """KL(teacher || student) [n] of each position, over the stored tokens and one bin for all others.

    Padded entries of the teacher have probability 0 and add nothing.
    """
    chosen = logits.log_softmax(-1).gather(1, teacher.indices)
    inside = (teacher.probs * (teacher.probs.clamp(min=_SMALL).log() - chosen)).sum(-1)
    if teacher.probs.shape[1] >= logits.shape[1]:
        return inside
    rest = (1 - teacher.probs.sum(-1)).clamp(min=0)
    other = (1 - (chosen.exp() * (teacher.probs > 0)).sum(-1)).clamp(min=_SMALL)
    return inside + rest * (rest.clamp(min=_SMALL).log() - other.log())
