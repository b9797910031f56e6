"""Negative preference optimisation (arXiv 2404.05868, equation 3), of each answer to forget:

-(2 / beta) log sigmoid(-beta (log p(y|x) - log p_frozen(y|x))), the log-probabilities summed over the answer's tokens.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid


def npo(log_probs: Tensor, reference: Tensor, beta: float) -> Tensor:
    """`log_probs` [n] of the trained model, `reference` [n] of the frozen one: [n]."""
    return -2 / beta * logsigmoid(-beta * (log_probs - reference))
