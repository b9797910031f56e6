"""SimNPO (arXiv 2410.07163), of each answer to forget:

-(2 / beta) log sigmoid(-(beta / |y|) log p(y|x) - gamma).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid


def simnpo(mean_losses: Tensor, beta: float, gamma: float) -> Tensor:
    """`mean_losses`: -log p(y|x) / |y| of n answers. [n]."""
    return -2 / beta * logsigmoid(beta * mean_losses - gamma)
