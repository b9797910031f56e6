"""Membership scores of texts against their formulas, written out by hand."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.unlearning.evaluation.text_membership import (
    TokenScores,
    loss,
    min_k,
    min_k_plus_plus,
    reference,
    run_attacks,
    zlib_ratio,
)

P = (0.9, 0.5, 0.8, 0.05, 0.7, 0.99, 0.2, 0.6, 0.95, 0.4)
MEANS = (-0.4, -1.0, -0.5, -2.0, -0.7, -0.1, -1.5, -0.8, -0.2, -1.1)
DEVIATIONS = (0.8, 1.1, 0.9, 0.5, 1.0, 0.3, 0.7, 1.2, 0.4, 0.6)
SCORES = TokenScores("in Lisbon, by the sea", np.log(P), np.asarray(MEANS), np.asarray(DEVIATIONS))


def _one(value: float, text: str = "a") -> TokenScores:
    return TokenScores(text, np.asarray([value]), np.asarray([-1.0]), np.asarray([1.0]))


def test_scores_by_hand() -> None:
    mean = sum(math.log(p) for p in P) / 10
    assert loss(SCORES) == pytest.approx(mean, rel=1e-14)
    assert zlib_ratio(SCORES) == pytest.approx(mean / len(zlib.compress(b"in Lisbon, by the sea")), rel=1e-14)
    assert min_k(SCORES) == pytest.approx((math.log(0.05) + math.log(0.2)) / 2, rel=1e-14)
    standard = sorted((math.log(p) - m) / d for p, m, d in zip(P, MEANS, DEVIATIONS, strict=True))
    assert min_k_plus_plus(SCORES) == pytest.approx((standard[0] + standard[1]) / 2, rel=1e-14)
    assert reference(SCORES, _one(-2.5)) == pytest.approx(mean + 2.5, rel=1e-14)


def test_a_short_text_has_one_lowest_token() -> None:
    assert min_k(_one(-0.25)) == -0.25
    assert min_k_plus_plus(TokenScores("a", np.asarray([-1.5]), np.asarray([-1.0]), np.asarray([0.25]))) == -2.0


def test_every_attack_is_told_with_its_interval() -> None:
    rng = np.random.default_rng(0)
    members, others = rng.normal(-1, 1, 40), rng.normal(-2, 1, 60)
    found = run_attacks([_one(v) for v in members], [_one(v) for v in others])
    assert set(found) == {"loss", "zlib", "min_k", "min_k_plus_plus"}
    auc = roc_auc_score([1] * 40 + [0] * 60, [*members, *others])
    for one in found.values():  # all are the same order of texts of one token and one length
        assert one.membership.auc == pytest.approx(auc)
        assert one.membership.low < auc < one.membership.high
    assert found["loss"].true_positives == np.mean(members > np.sort(others)[-1])


def test_the_reference_takes_away_what_is_easy() -> None:
    """A model that finds the members' texts easy, and one that never saw them finds them just as easy."""
    members, others = [_one(-0.5 - n / 100) for n in range(20)], [_one(-3.0 - n / 100) for n in range(20)]
    found = run_attacks(members, others, (members, others))
    assert found["loss"].membership.auc == 1.0
    assert found["reference"].membership.auc == 0.5
    assert found["reference"].true_positives == 0.0


def test_too_few_tell_nothing() -> None:
    assert run_attacks([_one(-1.0)] * 4, [_one(-2.0)] * 40) == {}
