"""Merges several jobs' deltas into one: each job's own effect on its subject's questions, none on what is retained.

For one weight matrix, with D_i = B_i A_i the sculpted delta of job i, G_i the second moment of the matrix's inputs on
that job's forgotten questions, G_0 the second moment on what is retained and w its weight, the merged delta minimises

    sum_i tr((D - D_i) G_i (D - D_i)') + w tr(D G_0 D'),

so D = (sum_i D_i G_i) W^-1 with W = sum_i G_i + w G_0: RegMean (Jin et al., 2023, arXiv 2212.09849, eq. 2) with the
frozen model as one more model to merge.

Least squares shrinks the jobs' effects, some more than others. Each job is therefore scaled by s_i,
D = (sum_i s_i D_i G_i) W^-1, with the s_i such that tr(D G_i D_i') = strength * tr(D_i G_i D_i') for every job. Among
all D with these effects this is the one with the least tr(D W D').
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import lsq_linear
from torch import Tensor

from core.unlearning.patches.modules import ModuleDelta

RIDGE = 1e-5
"""Ridge term as a share of the mean eigenvalue: some directions occur in no input."""
MAX_SCALE = 3.0
"""Largest scale of a job: an effect that what is retained leaves no room for cannot be raised without bound."""
_ROW_BLOCK = 256
"""Rows of a matrix handled at once."""


@dataclass(frozen=True)
class JobDelta:
    """One job's delta B [out, rank] A [rank, in] of a matrix, and the second moment [in, in] of the inputs, float64."""

    a: Tensor
    b: Tensor
    moment: Tensor


def job_delta(delta: ModuleDelta, moment: Tensor) -> JobDelta:
    """A sculpted delta with its inputs' moment. Element-wise corrections raise its rank to that of the matrix."""
    a, b = delta.lora_a.double(), delta.lora_b.double()
    if not delta.nnz:
        return JobDelta(a, b, moment)
    dense = (b @ a).view(-1).index_add(0, delta.indices, delta.values.double()).view(delta.shape)
    return JobDelta(*factorise(dense), moment)


def merge(name: str, jobs: Sequence[JobDelta], retained: Tensor, weight: float, strength: float) -> ModuleDelta:
    """The minimum as a LoRA: B = [s_1 B_1 ... s_n B_n], A = [A_1 G_1; ...; A_n G_n] W^-1.

    `retained`: the second moment G_0 [in, in]. Where the ranks add up to more than the matrix's, one factor is the
    product and the other the identity.
    """
    total = torch.stack([job.moment for job in jobs]).sum(0) + weight * retained
    total += RIDGE * total.diagonal().mean() * torch.eye(len(total), dtype=total.dtype)
    lower = torch.linalg.cholesky(total)
    stacked = torch.cat([job.a @ job.moment for job in jobs])
    scales = job_scales(*_effects(jobs, lower), strength)
    b = torch.cat([scale * job.b for scale, job in zip(scales, jobs, strict=True)], 1)
    a = torch.cholesky_solve(stacked.T, lower).T
    a, b = (a, b) if len(a) <= min(b.shape[0], a.shape[1]) else factorise(b @ a)
    none = torch.zeros(0)
    return ModuleDelta(name, a.float().contiguous(), b.float().contiguous(), none.long(), none)


def job_scales(effects: Tensor, own: Tensor, strength: float) -> list[float]:
    """The scale of each job, in 1 to `MAX_SCALE`, that brings its effect as near to `strength` as the bounds allow.

    `effects` [n, n]: the effect of job j, scaled by 1, along job i's own delta; `own` [n]: job i's own effect.
    """
    there = own > 0
    shares = torch.where(there[:, None], effects / own[:, None], 0.0)
    solution = lsq_linear(shares.numpy(), (strength * there).numpy(), bounds=(1.0, MAX_SCALE), method="bvls")
    return [float(scale) for scale in solution.x]


def _effects(jobs: Sequence[JobDelta], lower: Tensor) -> tuple[Tensor, Tensor]:
    """tr(D_j G_j W^-1 G_i D_i') [n, n] and tr(D_i G_i D_i') [n], with W = lower lower'."""
    effects = torch.zeros(len(jobs), len(jobs), dtype=lower.dtype)
    inputs = [job.a @ job.moment for job in jobs]
    own = torch.stack([((job.b.T @ job.b) * (x @ job.a.T)).sum() for job, x in zip(jobs, inputs, strict=True)])
    halves = [torch.linalg.solve_triangular(lower, x.T, upper=False).T for x in inputs]
    for start in range(0, len(jobs[0].b), _ROW_BLOCK):
        rows = slice(start, start + _ROW_BLOCK)
        flat = torch.stack([(job.b[rows] @ half).flatten() for job, half in zip(jobs, halves, strict=True)])
        effects += flat @ flat.T
    return effects, own


def factorise(dense: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix [out, in] as A and B, of which one is the identity."""
    out_features, in_features = dense.shape
    if out_features <= in_features:
        return dense, torch.eye(out_features, dtype=dense.dtype)
    return torch.eye(in_features, dtype=dense.dtype), dense


def lost_effect(delta: ModuleDelta, job: JobDelta) -> tuple[float, float]:
    """tr((D - D_i) G_i (D - D_i)') and tr(D_i G_i D_i'): the part of a job's effect that is lost, and all of it."""
    own = job.b @ job.a
    off = delta.lora_b.double() @ delta.lora_a.double() - own
    return float(((off @ job.moment) * off).sum()), float(((own @ job.moment) * own).sum())


def effect_left(losses: Iterable[tuple[float, float]]) -> float:
    """Over all matrices: 1 where the merged delta acts on a subject's questions as the job's own does, 0 where not.

    `losses`: `lost_effect` of each matrix.
    """
    lost, total = map(sum, zip(*losses, strict=True))
    return 1.0 - lost / total if total else 1.0
