"""RECE (Gong et al., ECCV 2024): the text states that best restore an erased concept, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.unlearning.methods.closed_form.solve import Operator, length

_RIDGE = 1e-3
"""Penalty on the norm of adversarial states, as a part of the weights' mean square: real text states are bounded."""


@dataclass(frozen=True)
class Revival:
    """`states` [n, dim]; `restored` in [0, 1]: mean share of the distance from anchor to concept that they recover."""

    states: Tensor
    restored: float


def revive(operator: Operator, gram: Tensor, erased: Tensor, anchors: Tensor) -> Revival:
    """C' = (sum W'ᵀW' + l I)⁻¹ (sum W'ᵀW) c, for W' = W (I + D) and K = sum WᵀW = `gram` [dim, dim].

    A concept is restored in so far as  |W'c' - W c|  is smaller than  |W g - W c|,  over all weights together.
    """
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    edited = identity + operator.dense()
    ridge = _RIDGE * gram.diagonal().mean() * identity
    states = torch.linalg.solve(edited.T @ gram @ edited + ridge, edited.T @ gram @ erased.T).T
    left, whole = length(states @ edited.T - erased, gram), length(anchors - erased, gram)
    restored = (1 - left / whole.clamp_min(torch.finfo(gram.dtype).tiny)).clamp(0, 1)
    return Revival(states, float(restored[whole > 0].mean()) if bool((whole > 0).any()) else 0.0)
