"""The weight saliency map of MMUnlearner (arXiv 2502.11051).

m = [S_f / S_r >= threshold], S being the diagonal of the empirical Fisher information: the squared gradient of the mean
loss of a few rows, averaged over such groups. The update is gradient difference, and m times it is applied.
"""

from __future__ import annotations

from torch import Tensor

_SMALL = 1e-15
"""As in the published code: a weight that matters to neither side is in the map."""


def saliency(forget: Tensor, keep: Tensor, threshold: float) -> Tensor:
    """Which weights change, from both informations [out, in]: [out, in], boolean."""
    mask: Tensor = (forget + _SMALL) / (keep + _SMALL) >= threshold
    return mask
