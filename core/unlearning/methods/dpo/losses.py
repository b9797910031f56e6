"""Direct preference optimisation (arXiv 2305.18290, equation 7) of a refusal over the answer to forget.

Scaled by 2 / beta as NPO is, of which it is the paired form (arXiv 2404.05868, equation 2):
-(2 / beta) log sigmoid(beta (log p(y_w|x) / p_frozen(y_w|x) - log p(y_l|x) / p_frozen(y_l|x))).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid


def dpo(preferred: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """Log-ratios [n] of trained to frozen model, of the refusals and of the answers to forget: [n]."""
    return -2 / beta * logsigmoid(beta * (preferred - rejected))
