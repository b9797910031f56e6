"""Divergences, CKA and relearn time against scipy, hand calculations and the definitions written out."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, ortho_group

from core.unlearning.evaluation.cka import linear_cka
from core.unlearning.evaluation.divergence import agreement, js, kl
from core.unlearning.evaluation.relearn_time import relearn_time

RNG = np.random.default_rng(0)
P, Q = RNG.dirichlet(np.ones(7), 50), RNG.dirichlet(np.ones(7), 50)


def test_divergences_are_those_of_scipy() -> None:
    assert kl(P, Q) == pytest.approx(np.mean([entropy(p, q) for p, q in zip(P, Q, strict=True)]))
    assert js(P, Q) == pytest.approx(np.mean([jensenshannon(p, q) ** 2 for p, q in zip(P, Q, strict=True)]))
    assert js(P, Q) == pytest.approx(js(Q, P))


def test_js_lies_between_nothing_and_ln_2() -> None:
    apart = np.eye(4)
    assert js(P, P) == kl(P, P) == 0
    assert js(apart, np.roll(apart, 1, axis=1)) == pytest.approx(math.log(2))
    assert kl(apart, np.roll(apart, 1, axis=1)) == math.inf
    assert 0 < js(P, Q) < math.log(2)


def test_js_tells_certainty_from_chance() -> None:
    """1 - JS of a certain prediction of 100 classes against chance is .34, not the .98 of the copy in circulation."""
    certain, chance = np.eye(100)[:1], np.full((1, 100), 0.01)
    by_hand = (math.log(1 / 0.505) + 0.01 * math.log(0.01 / 0.505) + 0.99 * math.log(0.01 / 0.005)) / 2
    assert 1 - js(certain, chance) == pytest.approx(1 - by_hand) == pytest.approx(0.335, abs=5e-4)
    nearly = np.where(certain == 1, 0.99, 0.01 / 99)
    assert 1 - js(nearly, chance) == pytest.approx(0.363, abs=2e-3)
    assert js(P, P) == 0


def test_agreement_counts_samples() -> None:
    assert agreement(np.array([[2.0, 1], [0, 1], [5, 3]]), np.array([[9.0, 1], [3, 1], [5, 3]])) == pytest.approx(2 / 3)


def _hsic(k: np.ndarray, m: np.ndarray) -> float:
    """tr(K H M H) / (n - 1)², of float64 kernels."""
    h = np.eye(len(k)) - 1 / len(k)
    return float(np.trace(k @ h @ m @ h)) / (len(k) - 1) ** 2


@pytest.mark.parametrize(("n", "d1", "d2"), [(40, 6, 9), (8, 30, 20), (12, 5, 40)])
def test_cka_is_normalised_hsic(n: int, d1: int, d2: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.normal(2, 1, (n, d1))
    y = x @ rng.normal(0, 1, (d1, d2)) + rng.normal(0, 2, (n, d2))
    expected = _hsic(x @ x.T, y @ y.T) / math.sqrt(_hsic(x @ x.T, x @ x.T) * _hsic(y @ y.T, y @ y.T))
    assert linear_cka(x, y) == pytest.approx(expected)
    assert 0 < expected < 1


def test_cka_does_not_see_rotation_and_scale() -> None:
    x = RNG.normal(0, 1, (30, 6))
    turned = 3 * x @ ortho_group.rvs(6, random_state=0) + 5
    assert linear_cka(x, turned) == pytest.approx(1)
    with pytest.raises(ValueError, match="vary"):
        linear_cka(x, np.ones((30, 4)))


def test_relearn_time_stops_training_in_time() -> None:
    trained = []

    def losses() -> Iterator[float]:
        for step in range(100):
            trained.append(step)
            yield 4.0 - step

    assert relearn_time(losses(), 1.0) == 3
    assert trained == [0, 1, 2, 3]
    assert relearn_time([0.5], 1.0) == 0
    assert relearn_time([3.0, 2.0], 1.0) is None
