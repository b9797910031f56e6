"""Sculpting: take out of a forgetting delta what works against the retaining anchor and outweighs it.

For each weight matrix (arXiv 2511.20196, sections on conflict and dominance):
    C_ij = [dA_ij * dF_ij < 0],  R_ij = [k * rho * |dA_ij| < |dF_ij|],  rho = |dF|_F / (|dA|_F + eps),
    dF' = dF * (1 - C * R).
The anchor itself is never added. k = 0 masks every conflict, k = inf none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.unlearning.families.mllm.training.adapters import LoraFactors
from core.unlearning.patches.modules import ModuleDelta

EPS = 1e-12
Granularity = Literal["element", "row"]


@dataclass(frozen=True)
class View:
    """A forgetting adapter, its sculpting strength and its share in the sum."""

    factors: LoraFactors
    k: float
    share: float = 1.0


def product_norm(a: Tensor, b: Tensor) -> float:
    """The Frobenius norm of B A, without the product: sqrt(tr((B'B)(AA')))."""
    square = ((b.T.double() @ b.double()) * (a.double() @ a.double().T)).sum()
    return math.sqrt(max(float(square), 0.0))


def mask(forget: Tensor, anchor: Tensor, rho: float, k: float, granularity: Granularity) -> Tensor:
    """Where the forgetting delta [out, in] is taken back; by whole rows, signs and sizes are those of the rows."""
    if math.isinf(k):
        return torch.zeros_like(forget, dtype=torch.bool)
    if granularity == "row":
        conflict: Tensor = (forget * anchor).sum(1) < 0
        dominant: Tensor = k * rho * anchor.norm(dim=1) < forget.norm(dim=1)
        rows: Tensor = conflict & dominant
        return rows[:, None].expand(forget.shape)
    hit: Tensor = (forget * anchor < 0) & (k * rho * anchor.abs() < forget.abs())
    return hit


def sculpt_module(
    name: str, views: Sequence[tuple[Tensor, Tensor, float, float]], anchor: tuple[Tensor, Tensor], how: Granularity
) -> ModuleDelta:
    """One matrix. `views`: (A, B, k, share) each; their deltas join as one LoRA with the union of the masks.

    Products are in float64: a weight at the threshold must not be on one side here and on the other in a check.
    """
    against = anchor[1].double() @ anchor[0].double()
    anchor_norm = product_norm(*anchor)
    parts_a, parts_b = [], []
    taken = torch.zeros_like(against)
    for a, b, k, share in views:
        delta = b.double() @ a.double()
        hit = mask(delta, against, product_norm(a, b) / (anchor_norm + EPS), k, how)
        if how == "row":
            b = b * ~hit[:, :1]
        else:
            taken -= share * delta * hit
        parts_a.append(a)
        parts_b.append(share * b)
    indices = taken.view(-1).nonzero().squeeze(1)
    values = taken.view(-1)[indices].to(parts_b[0].dtype)
    return ModuleDelta(name, torch.cat(parts_a), torch.cat(parts_b, 1), indices, values)


def sculpted(views: Sequence[View], anchor: LoraFactors, how: Granularity) -> Iterator[ModuleDelta]:
    """Every matrix in turn; no more than one is held."""
    for name in anchor.names:
        chosen = [(*view.factors[name], view.k, view.share) for view in views]
        yield sculpt_module(name, chosen, anchor[name], how)
