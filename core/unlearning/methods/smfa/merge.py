"""One delta for several jobs: on each subject's questions what its own patch does, on what is kept nothing.

For one matrix, with D_i = B_i A_i the sculpted delta of job i, G_i the second moment of the matrix's inputs on the
questions that the job made it forget, G_0 that on what is kept and w its weight, what is wanted is

    min over D of  sum_i tr((D - D_i) G_i (D - D_i)') + w tr(D G_0 D')

and so D = (sum_i D_i G_i) W^-1 with W = sum_i G_i + w G_0: RegMean (Jin et al., 2023, arXiv 2212.09849, eq. 2) with the
frozen model as one more to be merged.

Least squares shrinks, one job more than another. So each job counts s_i times, D = (sum_i s_i D_i G_i) W^-1,
the s_i being such that tr(D G_i D_i') = strength * tr(D_i G_i D_i') for every job. Of all D that do so this is the one
with the least tr(D W D').
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import lsq_linear
from torch import Tensor

from core.unlearning.patches.modules import ModuleDelta

RIDGE = 1e-5
"""Of the mean eigenvalue, added to every one: some directions come in no input at all."""
MOST = 3.0
"""How often one job may count: what is drowned by what is kept cannot be raised without end."""
_ROWS = 256
"""Of a matrix, handled at once."""


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


def merged(name: str, parts: Sequence[Part], kept: Tensor, weight: float, strength: float) -> ModuleDelta:
    """The minimum: s_1 B_1 … s_n B_n side by side, times A_1 G_1 … A_n G_n below each other, divided by the whole.

    Where the ranks add up to more than the matrix has, one factor is the product and the other the identity.
    """
    whole = torch.stack([part.moment for part in parts]).sum(0) + weight * kept
    whole += RIDGE * whole.diagonal().mean() * torch.eye(len(whole), dtype=whole.dtype)
    lower = torch.linalg.cholesky(whole)
    below = torch.cat([part.a @ part.moment for part in parts])
    counts = counted(*_effects(parts, lower), strength)
    b = torch.cat([count * part.b for count, part in zip(counts, parts, strict=True)], 1)
    a = torch.cholesky_solve(below.T, lower).T
    a, b = (a, b) if len(a) <= min(b.shape[0], a.shape[1]) else factored(b @ a)
    none = torch.zeros(0)
    return ModuleDelta(name, a.float().contiguous(), b.float().contiguous(), none.long(), none)


def counted(effects: Tensor, own: Tensor, strength: float) -> list[float]:
    """How often each job counts, from 1 to `MOST`, so that its effect is as near to `strength` as that allows.

    `effects` [n, n]: what counting job j once does along job i's own effect; `own` [n]: that own effect.
    """
    there = own > 0
    shares = torch.where(there[:, None], effects / own[:, None], 0.0)
    found = lsq_linear(shares.numpy(), (strength * there).numpy(), bounds=(1.0, MOST), method="bvls")
    return [float(count) for count in found.x]


def _effects(parts: Sequence[Part], lower: Tensor) -> tuple[Tensor, Tensor]:
    """tr(D_j G_j W^-1 G_i D_i') [n, n] and tr(D_i G_i D_i') [n], with W = lower lower'."""
    effects = torch.zeros(len(parts), len(parts), dtype=lower.dtype)
    met = [part.a @ part.moment for part in parts]
    own = torch.stack([((p.b.T @ p.b) * (m @ p.a.T)).sum() for p, m in zip(parts, met, strict=True)])
    halves = [torch.linalg.solve_triangular(lower, rows.T, upper=False).T for rows in met]
    for start in range(0, len(parts[0].b), _ROWS):
        rows = slice(start, start + _ROWS)
        flat = torch.stack([(part.b[rows] @ half).flatten() for part, half in zip(parts, halves, strict=True)])
        effects += flat @ flat.T
    return effects, own


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
