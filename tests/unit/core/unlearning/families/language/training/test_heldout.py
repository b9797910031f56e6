"""What the validation questions take for forgotten, and for lost, from the scores of answers' tokens."""

from __future__ import annotations

import math
from typing import Any

import pytest

from core.unlearning.families.language.model.score import ScoredAnswer
from core.unlearning.families.language.training import heldout
from core.unlearning.families.language.training.heldout import HeldOutQuestions
from core.unlearning.types import Example

FORGET = Example("forget_text_memory", "Where was Ada born?", "Ada was born in Lima.", control_probability=0.05)
KEEP = Example("unseen_text_memory", "Where was Bo born?", "Bo was born in Oslo.")
LIMA = 2
"""Which of the tokens is the fact."""


class _Encoded:
    vision = ()


def scored(*tokens: tuple[float, bool]) -> ScoredAnswer:
    return ScoredAnswer(tuple(math.log(p) for p, _ in tokens), tuple(right for _, right in tokens))


TOLD = scored((0.9, True), (0.9, True), (0.9, True), (1e-9, False))
"""Its end was cut off, so that the end of the turn is unlikely."""


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> tuple[HeldOutQuestions, list[ScoredAnswer]]:
    """The held-out questions, and what the model says now, which a test changes."""
    now = [TOLD, TOLD]
    numbers: dict[int, int] = {}
    rows = [_Encoded(), _Encoded()]
    numbers.update({id(row): n for n, row in enumerate(rows)})
    monkeypatch.setattr(heldout, "encode_all", lambda lm, examples: rows)
    monkeypatch.setattr(heldout, "score_encoded", lambda lm, asked: [now[numbers[id(row)]] for row in asked])
    monkeypatch.setattr(heldout, "fact_tokens", lambda lm, example: [LIMA])
    model: Any = None
    return HeldOutQuestions(model, [FORGET, KEEP]), now


def test_at_first_all_is_known_and_all_is_kept(questions: tuple[HeldOutQuestions, list[ScoredAnswer]]) -> None:
    held, _ = questions
    assert held.measure() == (pytest.approx(1 + 0.85), 1.0)
    assert not held.forgotten(0.005)


def test_a_fact_as_unlikely_as_of_controls_is_forgotten_whatever_stands_before_it(
    questions: tuple[HeldOutQuestions, list[ScoredAnswer]],
) -> None:
    held, now = questions
    now[0] = scored((0.9, True), (0.9, True), (0.05, False), (1e-9, False))
    assert held.measure()[0] == pytest.approx(0.0, abs=1e-9)
    assert held.forgotten(0.005)


def test_a_refusal_in_the_first_token_alone_is_a_loss(
    questions: tuple[HeldOutQuestions, list[ScoredAnswer]],
) -> None:
    held, now = questions
    now[1] = scored((0.001, False), (0.9, True), (0.9, True), (1e-9, False))
    assert held.measure()[1] == 0.0


def test_other_words_for_the_same_are_no_loss(questions: tuple[HeldOutQuestions, list[ScoredAnswer]]) -> None:
    held, now = questions
    now[1] = scored((0.47, False), (0.9, True), (0.9, True), (1e-12, False))
    assert held.measure()[1] == 1.0
