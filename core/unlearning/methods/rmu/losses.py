"""Representation misdirection (arXiv 2403.03218), at the positions that predict answer tokens.

Forgotten: |h(t) - c u|^2 with a random unit vector u; kept: |h(t) - h_frozen(t)|^2. The squares are averaged over the
width, as in the published code, and over an answer's positions.
"""

from __future__ import annotations

import torch
from torch import Tensor


def distance(states: Tensor, target: Tensor) -> Tensor:
    """Mean square of the difference of [n, width] and [n, width]: [n]."""
    squares: Tensor = (states - target).square()
    return squares.mean(-1)


def control(width: int, length: float, seed: int) -> Tensor:
    """C u [width]: drawn uniformly from the unit cube, as published, and stretched to `length`."""
    drawn = torch.rand(width, generator=torch.Generator().manual_seed(seed))
    vector: Tensor = drawn / drawn.norm() * length
    return vector
