"""Membership inference: whether an attacker can still tell that the model was trained on these samples.

An attack gives every sample a score, larger for what it takes for a member (Yeom et al., 2018: the log-probability of
the right answer). The AUC is the chance that a member's score is above a non-member's, ties counting half: 1 means that
members stand out, 0 that they are conspicuously suppressed, and what is ideal is what a model has that never saw them:
about .5, but rarely .5 itself in a small group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_PAIRS = 5
"""With fewer on either side the AUC says nothing."""
_RESAMPLES = 1000


@dataclass(frozen=True)
class Membership:
    """AUC with a 95 % bootstrap interval, rather narrow where one person's samples count as independent."""

    auc: float
    low: float
    high: float
    members: int
    non_members: int


def membership(members: Sequence[float], non_members: Sequence[float], *, seed: int = 0) -> Membership | None:
    """AUC of member scores above non-member scores; None when either side has fewer than `MIN_PAIRS`."""
    if min(len(members), len(non_members)) < MIN_PAIRS:
        return None
    won = _wins(members, non_members)
    low, high = np.quantile(_bootstrap(won, np.random.default_rng(seed)), (0.025, 0.975))
    return Membership(float(won.mean()), float(low), float(high), *won.shape)


def auc(members: Sequence[float], non_members: Sequence[float]) -> float:
    """Share of (member, non-member) pairs in which the member's score is the higher one. Raises `ValueError`."""
    if not len(members) or not len(non_members):
        raise ValueError("an AUC needs members and non-members")
    return float(_wins(members, non_members).mean())


def true_positive_rate(members: Sequence[float], non_members: Sequence[float], *, at: float = 0.01) -> float:
    """Share of members found by the lowest threshold that takes at most a share `at` of non-members for members.

    Carlini et al. (2022). With fewer than 1 / `at` non-members not one of them may be taken for a member.
    """
    others = np.sort(np.asarray(non_members, dtype=float))[::-1]
    threshold = others[min(int(at * len(others)), len(others) - 1)]
    return float((np.asarray(members, dtype=float) > threshold).mean())


def _wins(members: Sequence[float], non_members: Sequence[float]) -> Floats:
    """[members, non-members]: 1 where the member's score is higher, 1/2 where they are equal."""
    high, low = np.asarray(members, dtype=float)[:, None], np.asarray(non_members, dtype=float)[None, :]
    won: Floats = (high > low) + 0.5 * (high == low)
    return won


def _bootstrap(won: Floats, rng: np.random.Generator) -> Floats:
    """AUCs of resampled members against resampled non-members."""
    rows, columns = (rng.multinomial(n, np.full(n, 1 / n), _RESAMPLES) / n for n in won.shape)
    aucs: Floats = ((rows @ won) * columns).sum(axis=1)
    return aucs
