"""The weight saliency map of MMUnlearner (arXiv 2502.11051).

m = [S_f / S_r >= threshold] with S the diagonal of the empirical Fisher information: the squared gradient of the mean
loss of a few rows, averaged over groups of rows. The update of gradient difference is multiplied by m.
"""

from __future__ import annotations

from torch import Tensor

_SMALL = 1e-15
"""As in the published code: a weight that matters to neither set is in the map."""


def saliency(forget: Tensor, keep: Tensor, threshold: float) -> Tensor:
    """Which weights are trained, from the Fisher information of both sets [out, in]: [out, in], boolean."""
    mask: Tensor = (forget + _SMALL) / (keep + _SMALL) >= threshold
    return mask
