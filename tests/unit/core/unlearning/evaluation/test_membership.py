"""Membership attacks against loops over pairs, published formulas written out, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from core.unlearning.evaluation.attacks import (
    ATTACKS,
    Predictions,
    confidence,
    log_probability,
    modified_entropy,
    negative_entropy,
    strongest_attack,
)
from core.unlearning.evaluation.membership import auc, membership, true_positive_rate

MEMBERS, STRANGERS = [-0.1, -0.5, -1.0, -2.0, -3.0], [-0.5, -1.5, -2.5, -2.5, -4.0, -5.0]


def _seen(n: int = 256, classes: int = 10, scale: float = 3.0) -> Predictions:
    rng = np.random.default_rng(0)
    return Predictions(rng.normal(0, scale, (n, classes)), rng.integers(0, classes, n))


def test_ties_count_half() -> None:
    pairs = [(m > s) + 0.5 * (m == s) for m in MEMBERS for s in STRANGERS]
    found = membership(MEMBERS, STRANGERS)
    assert found is not None
    assert found.auc == auc(MEMBERS, STRANGERS) == pytest.approx(sum(pairs) / len(pairs))
    assert found.auc == pytest.approx(roc_auc_score([1] * 5 + [0] * 6, MEMBERS + STRANGERS))
    assert 0 <= found.low < found.auc < found.high <= 1
    assert (found.members, found.non_members) == (5, 6)


def test_too_few_say_nothing() -> None:
    assert membership([0.0] * 4, [0.0] * 50) is None
    assert membership([0.0] * 50, []) is None
    with pytest.raises(ValueError, match="members"):
        auc([], [1.0])


def test_the_interval_is_that_of_delong() -> None:
    """DeLong et al. (1988), eq. 5 for one classifier: the same interval without resampling."""
    rng = np.random.default_rng(1)
    members, strangers = rng.normal(0.6, 1, 120), rng.normal(0, 1, 90)
    wins = (members[:, None] > strangers[None, :]).astype(float)
    variance = wins.mean(1).var(ddof=1) / 120 + wins.mean(0).var(ddof=1) / 90
    found = membership(members.tolist(), strangers.tolist())
    assert found is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(variance), rel=0.08)
    assert found == membership(members.tolist(), strangers.tolist())


def test_true_positives_at_few_false_ones() -> None:
    strangers = [float(n) for n in range(200)]
    assert true_positive_rate([198.5, 197.5, 197.0, 500.0], strangers) == 0.75
    assert true_positive_rate([199.0, 200.0], strangers, at=0.0) == 0.5
    few = [0.0, 1.0, 2.0]
    assert true_positive_rate([2.0, 2.5], few) == 0.5


def test_scores_by_their_formulas() -> None:
    seen = _seen()
    p = np.exp(log_softmax(seen.logits, axis=1))
    for row, label in enumerate(seen.labels):
        others = [p[row, i] for i in range(10) if i != label]
        mentr = -(1 - p[row, label]) * math.log(p[row, label]) - sum(q * math.log(1 - q) for q in others)
        assert modified_entropy(seen)[row] == pytest.approx(mentr)
        assert log_probability(seen)[row] == pytest.approx(math.log(p[row, label]))
        assert confidence(seen)[row] == pytest.approx(max(p[row]))
        assert negative_entropy(seen)[row] == pytest.approx(sum(q * math.log(q) for q in p[row]))


def test_modified_entropy_knows_the_labels() -> None:
    """The copy in circulation gives the same under any labels."""
    seen = _seen()
    shuffled = Predictions(seen.logits, np.random.default_rng(2).permutation(seen.labels))
    assert np.abs(modified_entropy(seen) - modified_entropy(shuffled)).mean() > 1


def test_certain_predictions_have_finite_scores() -> None:
    logits = np.zeros((2, 3))
    logits[:, 0] = 500.0
    found = {name: attack(Predictions(logits, np.array([0, 1]))) for name, attack in ATTACKS.items()}
    assert all(np.isfinite(scores).all() for scores in found.values())
    assert found["loss"].tolist() == [0.0, -500.0]
    assert found["modified_entropy"][0] == pytest.approx(0)
    assert found["modified_entropy"][1] < -500


def test_the_worst_case_is_the_farthest_from_half() -> None:
    """Certain of the wrong class: confidence takes for members what the loss says are none."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 60)
    members, strangers = rng.normal(0, 1, (60, 4)), rng.normal(0, 1, (60, 4))
    members[np.arange(60), labels] -= 4
    found = strongest_attack(Predictions(members, labels), Predictions(strangers, labels))
    assert found is not None
    aucs = {
        name: auc(a(Predictions(members, labels)), a(Predictions(strangers, labels))) for name, a in ATTACKS.items()
    }
    assert found.attack == max(aucs, key=lambda name: abs(aucs[name] - 0.5))
    assert found.membership.auc == aucs[found.attack] < 0.1
    assert strongest_attack(Predictions(members[:3], labels[:3]), Predictions(strangers, labels)) is None
