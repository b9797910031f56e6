"""Sculpting: remove from a forgetting delta the weights that conflict with the retaining anchor and dominate it.

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

from core.unlearning.families.language.training.adapters import LoraFactors
from core.unlearning.patches.modules import ModuleDelta

EPS = 1e-12
Granularity = Literal["element", "row"]


@dataclass(frozen=True)
class ForgettingAdapter:
    """The LoRA factors of a forgetting adapter, its sculpting strength and its share in the sum."""

    factors: LoraFactors
    k: float
    share: float = 1.0


def product_norm(a: Tensor, b: Tensor) -> float:
    """The Frobenius norm of B A, without the product: sqrt(tr((B'B)(AA')))."""
    square = ((b.T.double() @ b.double()) * (a.double() @ a.double().T)).sum()
    return math.sqrt(max(float(square), 0.0))


def mask(forget: Tensor, anchor: Tensor, rho: float, k: float, granularity: Granularity) -> Tensor:
    """Which weights of the forgetting delta [out, in] are removed; whole rows by their dot products and norms."""
    if math.isinf(k):
        return torch.zeros_like(forget, dtype=torch.bool)
    if granularity == "row":
        conflict: Tensor = (forget * anchor).sum(1) < 0
        dominant: Tensor = k * rho * anchor.norm(dim=1) < forget.norm(dim=1)
        rows: Tensor = conflict & dominant
        return rows[:, None].expand(forget.shape)
    weights: Tensor = (forget * anchor < 0) & (k * rho * anchor.abs() < forget.abs())
    return weights


def sculpt_module(
    name: str,
    adapters: Sequence[tuple[Tensor, Tensor, float, float]],
    anchor: tuple[Tensor, Tensor],
    granularity: Granularity,
) -> ModuleDelta:
    """One matrix. `adapters`: (A, B, k, share) each; their deltas become one LoRA, and the removed weights corrections.

    Products are in float64, so that a weight at the threshold is on the same side here and in a check.
    """
    anchor_delta = anchor[1].double() @ anchor[0].double()
    anchor_norm = product_norm(*anchor)
    parts_a, parts_b = [], []
    corrections = torch.zeros_like(anchor_delta)
    for a, b, k, share in adapters:
        delta = b.double() @ a.double()
        removed = mask(delta, anchor_delta, product_norm(a, b) / (anchor_norm + EPS), k, granularity)
        if granularity == "row":
            b = b * ~removed[:, :1]
        else:
            corrections -= share * delta * removed
        parts_a.append(a)
        parts_b.append(share * b)
    indices = corrections.view(-1).nonzero().squeeze(1)
    values = corrections.view(-1)[indices].to(parts_b[0].dtype)
    return ModuleDelta(name, torch.cat(parts_a), torch.cat(parts_b, 1), indices, values)


def sculpt(
    adapters: Sequence[ForgettingAdapter], anchor: LoraFactors, granularity: Granularity
) -> Iterator[ModuleDelta]:
    """Every matrix in turn; no more than one is held."""
    for name in anchor.names:
        factors = [(*adapter.factors[name], adapter.k, adapter.share) for adapter in adapters]
        yield sculpt_module(name, factors, anchor[name], granularity)
