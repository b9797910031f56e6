"""What an attacker reads from a classifier's logits: scores for `membership`, larger for what looks like a member.

The modified entropy that circulates with SalUn and Unlearn-Sparse (`SVC_MIA.py::m_entropy`) is another quantity: it
uses the whole label vector as a column index, so that labels do not matter, and takes log p where log(1 - p) belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.unlearning.evaluation.membership import Floats, Membership, membership, true_positive_rate

Labels = NDArray[np.int64]
_TINY = 1e-30


@dataclass(frozen=True)
class Predictions:
    """Logits [n, classes] of samples and their labels [n]."""

    logits: Floats
    labels: Labels


@dataclass(frozen=True)
class StrongestAttack:
    """The attack whose AUC is farthest from 1/2, on whichever side; the best of all rates at 1 % false positives."""

    attack: str
    membership: Membership
    true_positive_rate: float


def log_softmax(logits: Floats) -> Floats:
    """In float64, over the last axis."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    log_p: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_p


def log_probability(seen: Predictions) -> Floats:
    """Log p_y: the negative loss (Yeom et al., 2018)."""
    chosen: Floats = np.take_along_axis(log_softmax(seen.logits), seen.labels[:, None], axis=1)[:, 0]
    return chosen


def confidence(seen: Predictions) -> Floats:
    """Max p: needs no label (Salem et al., 2019)."""
    largest: Floats = np.exp(log_softmax(seen.logits).max(axis=1))
    return largest


def negative_entropy(seen: Predictions) -> Floats:
    """Sum p log p: needs no label either."""
    log_p = log_softmax(seen.logits)
    entropy: Floats = (np.exp(log_p) * log_p).sum(axis=1)
    return entropy


def modified_entropy(seen: Predictions) -> Floats:
    """Mentr(p, y) = -(1 - p_y) log p_y - sum over i != y of p_i log(1 - p_i)  (Song & Mittal 2021, eq. 8)."""
    log_p = log_softmax(seen.logits)
    p = np.exp(log_p)
    is_label = np.arange(p.shape[1])[None, :] == seen.labels[:, None]
    # 1 - p as the sum of the others: it does not vanish in rounding as p nears 1.
    rest = np.clip(p.sum(axis=1, keepdims=True) - p, _TINY, 1)
    terms: Floats = np.where(is_label, -rest * log_p, -p * np.log(rest)).sum(axis=1)
    return terms


ATTACKS: Mapping[str, Callable[[Predictions], Floats]] = {
    "loss": log_probability,
    "confidence": confidence,
    "entropy": negative_entropy,
    "modified_entropy": lambda seen: -modified_entropy(seen),
}


def strongest_attack(members: Predictions, non_members: Predictions, *, seed: int = 0) -> StrongestAttack | None:
    """Over all `ATTACKS`; None where there are too few samples.

    The strongest of four is above 1/2 by chance alone, so this too is read beside the reference's.
    """
    scores = {name: (attack(members).tolist(), attack(non_members).tolist()) for name, attack in ATTACKS.items()}
    found = {name: membership(*pair, seed=seed) for name, pair in scores.items()}
    told = {name: one for name, one in found.items() if one is not None}
    if not told:
        return None
    strongest = max(told, key=lambda name: abs(told[name].auc - 0.5))
    return StrongestAttack(strongest, told[strongest], max(true_positive_rate(*pair) for pair in scores.values()))
