"""Loss-based membership inference (Yeom et al., 2018): can one still tell that the model once learned these facts?

Members are the forgotten (question, answer) pairs; non-members are the same kinds of questions about people whom the
model never learned, with answers that belong to others. The score of a pair is its mean token log-probability. An AUC
of .5 is ideal: 1 means that the forgotten facts stand out, 0 that they are conspicuously suppressed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

MIN_PAIRS = 5
"""With fewer on either side the AUC says nothing."""
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Membership:
    """AUC with a 95 % confidence interval, rather narrow because one person's facts count as independent."""

    auc: float
    low: float
    high: float
    members: int
    non_members: int


def membership(members: Sequence[float], non_members: Sequence[float]) -> Membership | None:
    """AUC of member scores above non-member scores; None when either side has fewer than `MIN_PAIRS`."""
    if min(len(members), len(non_members)) < MIN_PAIRS:
        return None
    labels = [1] * len(members) + [0] * len(non_members)
    auc = float(roc_auc_score(labels, [*members, *non_members]))
    half = _Z95 * math.sqrt(delong_variance(members, non_members))
    return Membership(auc, max(0.0, auc - half), min(1.0, auc + half), len(members), len(non_members))


def delong_variance(members: Sequence[float], non_members: Sequence[float]) -> float:
    """Variance of the AUC by DeLong, DeLong & Clarke-Pearson (1988), eq. 5 for one classifier."""
    high, low = np.asarray(members, dtype=float)[:, None], np.asarray(non_members, dtype=float)[None, :]
    wins = (high > low) + 0.5 * (high == low)
    return float(wins.mean(axis=1).var(ddof=1) / len(members) + wins.mean(axis=0).var(ddof=1) / len(non_members))
