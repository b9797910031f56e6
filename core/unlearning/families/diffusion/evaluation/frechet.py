"""How far two sets of pictures are apart, in the feature space of whatever looks at them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def frechet_distance(one: Array, other: Array) -> float:
    """Squared Fréchet distance of the Gaussians through two sets of features, `[n, d]` and `[m, d]` (Heusel et al.,
    2017): |m1 - m2|² + tr(S1 + S2 - 2 (S1^½ S2 S1^½)^½). Raises `ValueError` where a set has fewer than two rows.

    With fewer rows than dimensions it is biased upwards, so only sets of one size can be compared.
    """
    if min(len(one), len(other)) < 2:
        raise ValueError("a distance needs two pictures on either side")
    first, second = np.atleast_2d(np.cov(one, rowvar=False)), np.atleast_2d(np.cov(other, rowvar=False))
    return gaussian_distance(one.mean(0), first, other.mean(0), second)


def gaussian_distance(mean: Array, covariance: Array, other_mean: Array, other_covariance: Array) -> float:
    """The same of two Gaussians, `[d]` and `[d, d]`. Symmetric roots keep it real where a covariance is singular."""
    root = _root(covariance)
    cross = np.linalg.eigvalsh(root @ other_covariance @ root).clip(min=0)
    spread = np.trace(covariance) + np.trace(other_covariance) - 2 * np.sqrt(cross).sum()
    return float(max(np.square(mean - other_mean).sum() + spread, 0.0))


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    root: Array = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return root
