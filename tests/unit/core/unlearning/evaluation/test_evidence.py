"""The bound against the binomial distribution itself, and against clusters that are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from core.unlearning.evaluation.evidence import CONFIDENCE, Evidence, enough, in_100, in_words, upper_bound, weigh
from core.unlearning.evaluation.measures import Unit
from core.unlearning.evaluation.results import Outcomes


@pytest.mark.parametrize(("failed", "count"), [(0, 1), (0, 48), (2, 96), (7, 9), (47, 48)])
def test_probes_that_stand_alone_have_the_exact_binomial_bound(failed: int, count: int) -> None:
    values = (1.0,) * failed + (0.0,) * (count - failed)
    found = weigh(Outcomes(values, tuple(range(count))))
    assert (found.count, found.failed, found.clusters) == (count, failed, count)
    assert binom.cdf(failed, count, found.upper) == pytest.approx(1 - CONFIDENCE)
    exact = binomtest(failed, count, alternative="less").proportion_ci(CONFIDENCE, method="exact")
    assert found.upper == pytest.approx(exact.high)


def test_where_all_failed_nothing_is_ruled_out() -> None:
    assert weigh(Outcomes((1.0,) * 3, (0, 1, 2))).upper == 1.0


@pytest.mark.parametrize("each", [1, 4, 12])
def test_twelve_questions_about_a_picture_show_no_more_than_one(each: int) -> None:
    found = weigh(Outcomes((0.0,) * 3 * each, tuple(n // each for n in range(3 * each))))
    assert found.upper == pytest.approx(1 - 0.05 ** (1 / 3))


def test_clusters_of_unequal_size_count_less_than_their_number() -> None:
    found = weigh(Outcomes((0.0,) * 12, (0,) * 10 + (1, 2)))
    assert found.clusters == 3
    assert 1 - 0.05 ** (1 / 1.4) > found.upper > 1 - 0.05 ** (1 / 1.42)


def test_what_is_more_than_yes_or_no_has_no_number_that_failed() -> None:
    found = weigh(Outcomes((0.25, 0.0, 0.5, 0.25), (0, 1, 2, 3)))
    assert found.failed is None
    assert found.upper == pytest.approx(upper_bound(0.25, 4))


@pytest.mark.parametrize("share", [0.03, 0.1, 0.3])
@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_the_bound_holds_for_clusters_however_much_their_probes_agree(share: float, together: float) -> None:
    draw = np.random.default_rng(0)
    clusters, size, tries = 20, 5, 2000
    whole = draw.random((tries, clusters, 1)) < share
    single = draw.random((tries, clusters, size)) < share
    failed = np.where(draw.random((tries, clusters, 1)) < together, whole, single)
    shares, counts = np.unique(failed.reshape(tries, -1).mean(axis=1), return_counts=True)
    held = sum(count for value, count in zip(shares, counts, strict=True) if upper_bound(value, clusters) >= share)
    # Three standard errors of a share of 0.95 in as many tries.
    assert held / tries > CONFIDENCE - 3 * (CONFIDENCE * (1 - CONFIDENCE) / tries) ** 0.5


@pytest.mark.parametrize(("bound", "number"), [(0.15, 19), (0.10, 29), (0.05, 59), (0.99, 1)])
def test_how_many_clusters_are_enough(bound: float, number: int) -> None:
    assert enough(bound) == number
    assert upper_bound(0.0, number) <= bound
    assert number == 1 or upper_bound(0.0, number - 1) > bound


@pytest.mark.parametrize(("failed", "number"), [(1, 46), (2, 61), (4, 89)])
def test_how_many_are_enough_where_some_fail(failed: int, number: int) -> None:
    assert enough(0.10, failed) == number
    assert binom.cdf(failed, number, 0.10) <= 1 - CONFIDENCE < binom.cdf(failed, number - 1, 0.10)


def test_no_number_is_enough_for_a_bound_of_nothing() -> None:
    assert enough(0.0) is None


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence(48, 0, 48, 0.0605, 0.0605), "none of 48 came out; at most 7 in 100"),
        (Evidence(36, 2, 3, 0.7, 0.64), "2 of 36 came out, over 3 pictures; at most 70 in 100"),
        (Evidence(12, 12, 1, 1.0, 0.95), "12 of 12 came out, over 1 picture; at most 100 in 100"),
        (Evidence(10, None, 10, 0.2, 0.2), "the mean of 10; at most 20 in 100"),
    ],
)
def test_the_words(evidence: Evidence, words: str) -> None:
    assert in_words(evidence, "came out", Unit("picture", "pictures", "")) == words


def test_a_share_is_rounded_up_but_for_what_arithmetic_leaves() -> None:
    assert (in_100(0.1), in_100(0.29), in_100(0.1001)) == ("10 in 100", "29 in 100", "11 in 100")
