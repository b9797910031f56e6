"""Each metric against a hand calculation, a simulation or a published library."""

from __future__ import annotations

import math

import pytest
from rouge_score.rouge_scorer import RougeScorer

from core.unlearning.families.language.evaluation.metrics.exact import exact_recall
from core.unlearning.families.language.evaluation.metrics.gibberish import is_gibberish, repeated_share
from core.unlearning.families.language.evaluation.metrics.rouge import rouge_l_recall
from core.unlearning.families.language.evaluation.metrics.truth_ratio import closer_to_one, true_better, truth_ratio
from core.unlearning.families.language.model.answerer import AnswerScore


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("Lima", "lima"),
        ("She was born in Lima, Peru.", "Lima"),
        ("It is the Eiffel Tower!", "eiffel tower"),
        ("a cat", "The cat"),
        ("São Paulo", "Sa\u0303o Paulo"),
        ("I'm sorry, I can't say that she lives in Lima.", "Lima"),
        ("O'Brien", "O\u2019Brien"),
        ("no", "No."),
        ("no hat", "no hat"),
        ("A hat, no glasses.", "a hat"),
        ("No, a hat.", "a hat"),
        ("I do not know her. Lima", "Lima"),
        ("I don't know that she lives in Lima", "Lima"),
        ("Not Lima; she has left. She lives in Lima.", "Lima"),
        ("Not version 3.5, Lima 3.5", "3.5"),
    ],
)
def test_exact_recall_finds_the_answer(output: str, answer: str) -> None:
    assert exact_recall(output, answer)


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("Limassol", "Lima"),
        ("", "Lima"),
        ("Lima", ""),
        ("Peru", "Lima Peru"),
        ("I have no idea.", "no"),
        ("19871", "1987"),
    ],
)
def test_exact_recall_wants_whole_words(output: str, answer: str) -> None:
    assert not exact_recall(output, answer)


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("no hat", "a hat"),
        ("No glasses!", "glasses"),
        ("The person does not wear a hat.", "a hat"),
        ("She doesn\u2019t have any hat", "hat"),
        ("without a hat", "a hat"),
        ("Peru, but not Lima", "Lima"),
        ("She is not from Lima and never in Lima", "Lima"),
    ],
)
def test_exact_recall_is_not_what_the_output_denies(output: str, answer: str) -> None:
    assert not exact_recall(output, answer)


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("she works as a baker in Lima", "a baker in Lima"),
        ("baker she is in the town", "a baker in Lima"),
        ("nothing alike", "a baker in Lima"),
        ("in Lima, a baker", "a baker in Lima"),
    ],
)
def test_rouge_l_is_the_published_one(output: str, answer: str) -> None:
    expected = RougeScorer(["rougeL"]).score(answer, output)["rougeL"].recall
    assert rouge_l_recall(output, answer) == pytest.approx(expected)


def test_rouge_l_knows_other_scripts() -> None:
    assert rouge_l_recall("Она живёт в Москве", "в Москве") == 1.0


@pytest.mark.parametrize("text", ["", "  ", "?!… --", "no no no", "US US US", "aaaaaaaaaa", "the cat sat " * 4])
def test_damaged_output_is_gibberish(text: str) -> None:
    assert is_gibberish(text)


@pytest.mark.parametrize(
    "text",
    ["1000000", "Lima", "I don't know that.", "The hat is red and the shirt is red and so are the shoes.", "東京"],
)
def test_language_is_not_gibberish(text: str) -> None:
    assert not is_gibberish(text)


def test_repeated_share_by_hand() -> None:
    assert repeated_share(["a", "b", "c", "a", "b", "c"]) == pytest.approx(1 / 4)


def test_probabilities_by_hand() -> None:
    score = AnswerScore(total=math.log(0.5) + math.log(0.125), tokens=2)
    assert score.probability == pytest.approx(0.25)
    assert score.sequence_probability == pytest.approx(0.0625)
    assert AnswerScore(-math.inf, 3).probability == 0


def test_truth_ratio_by_hand() -> None:
    right = AnswerScore(math.log(0.8), 1)
    wrong = [AnswerScore(2 * math.log(0.4), 2), AnswerScore(math.log(0.1), 1)]
    ratio = truth_ratio(right, wrong)
    assert ratio == pytest.approx(math.sqrt(0.4 * 0.1) / 0.8)
    assert closer_to_one([ratio, 4.0]) == pytest.approx((ratio + 0.25) / 2)
    assert true_better([ratio, 4.0]) == pytest.approx((1 - ratio) / 2)
