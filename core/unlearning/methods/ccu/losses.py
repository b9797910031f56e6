"""The losses of CCU, reconstructed from the abstract of arXiv 2509.23895: its own equations are not available.

U is what is forgotten, R what is kept; z [n, d] are unit vectors, y [n] labels, h [n, d] features, l [n, C] logits.
Whatever a loss only compares with is detached inside it, so that no gradient reaches it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy, kl_div, log_softmax

_NEVER = -1e9
_LEAST = 1e-6
"""Of 1 - p, in float32."""


def hardness(l_before: Tensor, y: Tensor, power: float) -> Tensor:
    """How hard each u was to learn, as a weight [n] of mean 1: (1 - p)^power, p what the original gave its label."""
    missing = 1 - l_before.softmax(-1).gather(1, y.clamp(min=0)[:, None])[:, 0]
    weights = missing.clamp(min=_LEAST) ** power
    return weights / weights.mean()


def inverse_contrastive(
    z_u: Tensor, y_u: Tensor, z_r: Tensor, y_r: Tensor, temperature: float, weights: Tensor | float = 1.0
) -> Tensor:
    """Selective visual unlearning: each u is pulled towards other classes' kept samples, and pushed off its own's.

    L = -1/|U| sum_u 1/|P(u)| sum_{p in P(u)} log [ exp(z_u.z_p / t) / sum_{n in N(u)} exp(z_u.z_n / t) ],
    P(u) = {r: y_r != y_u}, N(u) = {r: y_r = y_u}: the form of Contrastive Unlearning (Lee et al., IJCAI 2025). Where
    N(u) is empty the denominator is 1; where P(u) is, only the push remains. `weights` [|U|], of mean 1, are of each u.
    """
    similar = z_u @ z_r.detach().T / temperature
    same = y_u[:, None] == y_r[None]
    push = similar.masked_fill(~same, _NEVER).logsumexp(1)
    push = torch.where(same.any(1), push, torch.zeros_like(push))
    pull = (similar * ~same).sum(1) / (~same).sum(1).clamp(min=1)
    return ((push - pull) * weights).mean()


def separation(z_r: Tensor, y_r: Tensor, z_u: Tensor, temperature: float) -> Tensor:
    """Dual-set separation: supervised contrast within R (Khosla et al. 2020), with U among the negatives.

    L = -1/|R| sum_r 1/|P_r| sum_{p in P_r} log [ exp(z_r.z_p / t) / (sum_{j in R, j != r} exp(z_r.z_j / t) +
    sum_{u in U} exp(z_r.z_u / t)) ], P_r = the others of r's label; the mean is over those r that have any, or else 0.
    """
    similar = z_r @ z_r.T / temperature
    itself = torch.eye(len(z_r), dtype=torch.bool, device=z_r.device)
    others = torch.cat([similar.masked_fill(itself, _NEVER), z_r @ z_u.detach().T / temperature], 1)
    positive = (y_r[:, None] == y_r[None]) & ~itself
    count = positive.sum(1)
    each = ((others.logsumexp(1, keepdim=True) - similar) * positive).sum(1) / count.clamp(min=1)
    return each.sum() / (count > 0).sum().clamp(min=1)


def consistency(h: Tensor, h_before: Tensor, l: Tensor, l_before: Tensor) -> Tensor:  # noqa: E741 (logits are l)
    """Cross-modal retention: L = mean [1 - cos(h, h0)] + KL(softmax(l0) || softmax(l)), 0 where nothing moved."""
    apart = 1 - cosine_similarity(h, h_before.detach(), dim=-1)
    divergence = kl_div(log_softmax(l, -1), log_softmax(l_before.detach(), -1), reduction="batchmean", log_target=True)
    return apart.mean() + divergence


def task(logits: Tensor, visual_logits: Tensor, labels: Tensor) -> Tensor:
    """CE(l) + 0.5 CE(l_v), of what is kept."""
    return cross_entropy(logits, labels) + 0.5 * cross_entropy(visual_logits, labels)
