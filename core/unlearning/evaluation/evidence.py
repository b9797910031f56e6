"""How sure a share of probes is: a one-sided bound at 95 %, and the words for it.

The bound is that of Clopper & Pearson (1934) on Kish's effective sample size (Survey Sampling, 1965, section 5.4) with
an intraclass correlation of 1: every cluster counts as one probe, so that twelve questions about one picture show no
more than one. This is on the safe side, since a correlation cannot be estimated where all outcomes are the same.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import fmean

from core.unlearning.evaluation.measures import Unit
from core.unlearning.evaluation.results import Outcomes

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Evidence:
    """How many of `count` probes `failed`; None where an outcome is more than yes or no."""

    count: int
    failed: int | None
    clusters: int
    upper: float
    """The share that fails is below this at `CONFIDENCE`."""
    best: float
    """`upper`, had none failed: what so many probes can show at all."""


def weigh(failures: Outcomes) -> Evidence:
    """What these failures, each in [0, 1], show. There is one at least."""
    values, sizes = failures.values, Counter(failures.clusters).values()
    effective = len(values) ** 2 / sum(size**2 for size in sizes)
    failed = round(sum(values)) if all(value in (0.0, 1.0) for value in values) else None
    bounds = (upper_bound(share, effective) for share in (fmean(values), 0.0))
    return Evidence(len(values), failed, len(sizes), *bounds)


def upper_bound(share: float, effective: float) -> float:
    """Of Clopper & Pearson, for a share of an effective number of probes, either of which need not be whole."""
    # Here, so that verdicts can be read without it.
    from scipy.special import betaincinv

    if share >= 1:
        return 1.0
    failed = share * effective
    return float(betaincinv(failed + 1, effective - failed, CONFIDENCE))


def enough(bound: float, failed: float = 0.0) -> int | None:
    """How many clusters show an upper bound of at most `bound` where so many fail; None where no number does."""
    if bound <= 0:
        return None
    number = 1 if bound >= CONFIDENCE else math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - bound))
    while failed and upper_bound(failed / number, number) > bound:
        number += 1
    return number


def in_words(evidence: Evidence, failing: str, unit: Unit) -> str:
    """Such as "none of 36 came out, over 3 pictures; at most 64 in 100"."""
    over = f", over {unit.counted(evidence.clusters)}" if evidence.clusters < evidence.count else ""
    if evidence.failed is None:
        return f"the mean of {evidence.count}{over}; at most {in_100(evidence.upper)}"
    number = "none" if evidence.failed == 0 else str(evidence.failed)
    return f"{number} of {evidence.count} {failing}{over}; at most {in_100(evidence.upper)}"


def in_100(share: float) -> str:
    """A share in words, rounded up."""
    return f"{math.ceil(100 * share - 1e-6)} in 100"
