"""Linear CKA (Kornblith et al., 2019, eq. 1 and 5): whether two layers see the same structure in the same samples."""

from __future__ import annotations

import numpy as np

from core.unlearning.evaluation.membership import Floats


def linear_cka(x: Floats, y: Floats) -> float:
    """|Yc' Xc|² / (|Xc' Xc| |Yc' Yc|), Frobenius norms, of features [n, d1] and [n, d2] centred over the samples.

    In [0, 1], unchanged by rotation and isotropic scaling. Raises `ValueError` where one side does not vary at all.
    """
    first, second = (np.asarray(side, dtype=np.float64) - np.mean(side, axis=0, dtype=np.float64) for side in (x, y))
    own, other = _norm(first, first), _norm(second, second)
    if not own or not other:
        raise ValueError("CKA needs features that vary")
    return float(_norm(first, second) ** 2 / (own * other))


def _norm(x: Floats, y: Floats) -> float:
    """|Y' X|, by way of whichever products are smaller: |Y' X|² = tr(X X' Y Y')."""
    if len(x) < min(x.shape[1], y.shape[1]):
        return float(max(0.0, ((x @ x.T) * (y @ y.T)).sum()) ** 0.5)
    return float(np.linalg.norm(y.T @ x))
