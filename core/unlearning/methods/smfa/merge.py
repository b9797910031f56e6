"""One delta for several jobs: on each subject's questions what its own patch does, on what is kept nothing.

For one matrix, with D_i = B_i A_i the sculpted delta of job i, G_i the second moment of the matrix's inputs on the
questions that the job made it forget, G_0 that on what is kept and w its weight, what is wanted is

    min over D of  sum_i tr((D - D_i) G_i (D - D_i)') + w tr(D G_0 D')

and so D = (sum_i D_i G_i) (sum_i G_i + w G_0)^-1: RegMean (Jin et al., 2023, arXiv 2212.09849, eq. 2) with the frozen
model as one more to be merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.unlearning.patches.modules import ModuleDelta

RIDGE = 1e-5
"""Of the mean eigenvalue, added to every one: some directions come in no input at all."""


@dataclass(frozen=True)
class Part:
    """What one job does to a matrix: B [out, rank] A [rank, in], and the second moment [in, in] of its inputs.

    All are float64.
    """

    a: Tensor
    b: Tensor
    moment: Tensor


def part(delta: ModuleDelta, moment: Tensor) -> Part:
    """A sculpted delta as a part. Where sculpting has left corrections, its rank is that of the matrix."""
    a, b = delta.lora_a.double(), delta.lora_b.double()
    if not delta.nnz:
        return Part(a, b, moment)
    whole = (b @ a).view(-1).index_add(0, delta.indices, delta.values.double()).view(delta.shape)
    return Part(*factored(whole), moment)


def merged(name: str, parts: Sequence[Part], kept: Tensor, weight: float) -> ModuleDelta:
    """The minimum: B_1 … B_n side by side, times A_1 G_1 … A_n G_n below each other, divided by the whole.

    Where the ranks add up to more than the matrix has, one factor is the product and the other the identity.
    """
    whole = torch.stack([part.moment for part in parts]).sum(0) + weight * kept
    whole += RIDGE * whole.diagonal().mean() * torch.eye(len(whole), dtype=whole.dtype)
    below = torch.cat([part.a @ part.moment for part in parts])
    a = torch.cholesky_solve(below.T, torch.linalg.cholesky(whole)).T
    b = torch.cat([part.b for part in parts], 1)
    a, b = (a, b) if len(a) <= min(b.shape[0], a.shape[1]) else factored(b @ a)
    none = torch.zeros(0)
    return ModuleDelta(name, a.float().contiguous(), b.float().contiguous(), none.long(), none)


def factored(whole: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix as A and B, of which one is the identity."""
    out_features, in_features = whole.shape
    if out_features <= in_features:
        return whole, torch.eye(out_features, dtype=whole.dtype)
    return torch.eye(in_features, dtype=whole.dtype), whole


def missing(delta: ModuleDelta, part: Part) -> tuple[float, float]:
    """tr((D - D_i) G_i (D - D_i)') and tr(D_i G_i D_i'): what is missing of a job's effect, and all of it."""
    own = part.b @ part.a
    off = delta.lora_b.double() @ delta.lora_a.double() - own
    return float(((off @ part.moment) * off).sum()), float(((own @ part.moment) * own).sum())


def effect(lacking: Iterable[tuple[float, float]]) -> float:
    """Over all matrices: 1 where the whole does to a subject's questions what its own patch does, 0 where nothing."""
    lost, every = map(sum, zip(*lacking, strict=True))
    return 1.0 - lost / every if every else 1.0
