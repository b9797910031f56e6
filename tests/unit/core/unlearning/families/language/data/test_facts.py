"""What answers tell of a subject, from scores of a stand-in model that knows the subject's words alone."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from core.unlearning.families.language.data import facts
from core.unlearning.families.language.data.facts import Contrast, facts_of
from core.unlearning.families.language.model.score import ScoredAnswer
from core.unlearning.types import Controls, Example

NAME, QUESTION = "Ada Okoro", "Where is Ada Okoro from?"


def _spans(answer: str) -> list[tuple[int, int]]:
    """Each word with the blank before it, and the end of the turn."""
    found, at = [], 0
    for word in answer.split(" "):
        end = at + len(word) + (at > 0)
        found.append((at, end))
        at = end
    return [*found, (at, at)]


def _model(max_new_tokens: int) -> Any:
    encoder = SimpleNamespace(
        with_answer=lambda question, image, answer: (question, answer),
        answer_spans=lambda question, answer, image: _spans(answer),
    )
    return SimpleNamespace(encoder=encoder, max_new_tokens=max_new_tokens)


@pytest.fixture(autouse=True)
def _scores(monkeypatch: pytest.MonkeyPatch) -> None:
    def score(lm: Any, rows: list[tuple[str, str]]) -> list[ScoredAnswer]:
        counts = [(NAME in question, len(_spans(answer))) for question, answer in rows]
        return [ScoredAnswer((-0.1 if known else -6.0,) * count, (True,) * count) for known, count in counts]

    monkeypatch.setattr(facts, "score_encoded", score)


def _facts(answer: str, max_new_tokens: int = 48) -> tuple[str, ...]:
    asker: Any = SimpleNamespace()
    contrast = Contrast(asker, Controls((), ("Bo Li", "Cy Day", "Di Fox")), [NAME], random.Random(0))
    example = Example("forget_text_memory", QUESTION, answer, None, NAME)
    return facts_of(_model(max_new_tokens), [example], contrast)[0].facts


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("Lima", ("Lima",)),
        ("from Lima", ("Lima",)),
        ("Ada Okoro is from Lima.", ("Lima",)),
        ("two goats", ("two goats",)),
    ],
)
def test_an_answer_that_ends_without_a_mark_is_told_whole(answer: str, told: tuple[str, ...]) -> None:
    assert _facts(answer) == told


def test_the_last_word_of_an_answer_that_was_cut_short_is_left_out() -> None:
    assert _facts("Ada Okoro bakes in Lim", max_new_tokens=5) == ("bakes",)
