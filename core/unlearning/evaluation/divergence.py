"""How far two classifiers' predictions are apart, as distributions over classes [n, classes], averaged over samples.

Natural logarithms, summed over classes. The `JSDiv` that circulates with Bad Teaching, SSD and SUPREME divides by the
number of classes too and swaps the arguments of KL: its "ZRF" of a 99 % certain against a uniform prediction over 100
classes is .98 where 1 - JS is .36.
"""

from __future__ import annotations

import numpy as np

from core.unlearning.evaluation.membership import Floats


def kl(p: Floats, q: Floats) -> float:
    """KL(p || q) = sum p log(p / q), mean over samples; infinite where q has no mass and p has."""
    return float(_kl_rows(np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)).mean())


def js(p: Floats, q: Floats) -> float:
    """JS(p, q) = KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2, in [0, ln 2]."""
    first, second = np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64)
    middle = (first + second) / 2
    return float((_kl_rows(first, middle) + _kl_rows(second, middle)).mean() / 2)


def agreement(p: Floats, q: Floats) -> float:
    """Share of samples for which both find the same class likeliest. Of probabilities or logits."""
    return float((np.argmax(p, axis=1) == np.argmax(q, axis=1)).mean())


def _kl_rows(p: Floats, q: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), 0.0)
    rows: Floats = terms.sum(axis=1)
    return rows
