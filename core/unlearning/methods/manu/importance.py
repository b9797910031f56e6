"""The importance of neurons to a set of rows, and their score: relative importance (arXiv 2502.15910).

With z its activations over the set: I_abs = mean |z|, I_freq = share of |z| > t, I_var = the standard deviation,
I_rms = sqrt(mean z^2). The score of a neuron is the sum over the four of I(forget) / (I(kept) + eps).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_SMALL = 1e-5
"""As in the published code."""


@dataclass
class Activity:
    """Running sums over activations, in float64, each [neurons]. `above`: the threshold t."""

    above: float
    count: int = 0
    size: Tensor | float = 0.0
    active: Tensor | float = 0.0
    total: Tensor | float = 0.0
    square: Tensor | float = 0.0

    def add(self, activations: Tensor) -> None:
        """`activations` [n, neurons]."""
        z = activations.double()
        self.count += len(z)
        self.size += z.abs().sum(0)
        self.active += (z.abs() > self.above).double().sum(0)
        self.total += z.sum(0)
        self.square += z.square().sum(0)

    def importance(self) -> Tensor:
        """I_abs, I_freq, I_var and I_rms, [4, neurons]."""
        size, active, total, square = (
            torch.as_tensor(s) / self.count for s in (self.size, self.active, self.total, self.square)
        )
        deviation = (square - total.square()).clamp(min=0).sqrt()
        return torch.stack([size, active, deviation, square.sqrt()])


def scores(forget: Activity, keep: Activity) -> Tensor:
    """The score of each neuron [neurons]; high where it matters more to the forget set."""
    return (forget.importance() / (keep.importance() + _SMALL)).sum(0)


def highest(values: Tensor, share: float) -> Tensor:
    """Sorted indices of the `share` of neurons with the highest scores, at least one."""
    return values.topk(max(1, round(share * len(values)))).indices.sort().values
