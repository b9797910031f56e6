"""The edit in closed form. Everything is float64: the matrix that is inverted is ill-conditioned.

For erased states c_i with anchors g_i, kept states p_j and every weight W that reads text, Unified Concept
Editing minimises  a mean|W'c_i - W g_i|^2 + b mean|W'p_j - W p_j|^2 + l|W' - W|^2.  With M = a CᵀC/n + b PᵀP/m + l I
its solution is  W' = W (I + D),  D = (a/n) (G - C)ᵀ C M⁻¹:  one operator for all weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def length(rows: Tensor, gram: Tensor) -> Tensor:
    """Norms [n] of W row over all weights together, for K = sum WᵀW = `gram`."""
    return ((rows @ gram) * rows).sum(-1).clamp_min(0).sqrt()


@dataclass(frozen=True)
class Weights:
    """`erase`: a; `keep`: b; `ridge`: l as a part of the states' mean square."""

    erase: float
    keep: float
    ridge: float


@dataclass(frozen=True)
class Operator:
    """D = left @ right, of left [dim, rank] and right [rank, dim]: lora_A is `right`, a weight's lora_B `W @ left`."""

    left: Tensor
    right: Tensor

    def dense(self) -> Tensor:
        """[dim, dim]."""
        return self.left @ self.right


def normal(erased: Tensor, kept: Tensor, weights: Weights) -> Tensor:
    """M [dim, dim], from C [n, dim] and P [m, dim]."""
    moments = weights.erase * erased.T @ erased / len(erased) + weights.keep * kept.T @ kept / len(kept)
    scale = moments.diagonal().mean()
    return moments + weights.ridge * scale * torch.eye(len(moments), dtype=moments.dtype, device=moments.device)


def solve(erased: Tensor, anchors: Tensor, kept: Tensor, weights: Weights) -> Operator:
    """The exact operator, of rank n at most. C and G [n, dim], P [m, dim]."""
    right = torch.linalg.solve(normal(erased, kept, weights), erased.T).T * (weights.erase / len(erased))
    return Operator((anchors - erased).T, right)


def truncate(operator: Operator, normal_matrix: Tensor, gram: Tensor, rank: int) -> Operator:
    """The best operator of a lower rank for the same objective (reduced-rank regression, Izenman 1975).

    The objective grows by  sum |W (D - D_r) L|^2  with M = L Lᵀ, so the largest eigenvectors of  Lᵀ Dᵀ K D L,
    `gram` K = sum WᵀW [dim, dim], span what is kept.
    """
    root = torch.linalg.cholesky(normal_matrix)
    moved = operator.left @ (operator.right @ root)
    _, vectors = torch.linalg.eigh(moved.T @ gram @ moved)
    chosen = vectors[:, -rank:].flip(-1)
    right = torch.linalg.solve_triangular(root.T, chosen, upper=True).T
    return balance(Operator(moved @ chosen, right))


def balance(operator: Operator) -> Operator:
    """The same operator with rows of `right` of unit length, so that half precision can hold both factors."""
    lengths = torch.linalg.vector_norm(operator.right, dim=1).clamp_min(torch.finfo(operator.right.dtype).tiny)
    return Operator(operator.left * lengths, operator.right / lengths[:, None])
