"""When the demo calls an answer as it should be."""

from __future__ import annotations

from pathlib import Path

from client.cli.demo.questions import Question, general, of_name
from core.unlearning import reference

PRIVATE = Question("the subject", "What does she do?", spans=("harbour pilot", "night ferry"), forget=True)
KEPT = Question("someone else", "What does he do?", spans=("organ builder",))


def test_nothing_that_is_to_be_forgotten_may_come_out() -> None:
    before = "She is a harbour pilot on the night ferry."
    assert not PRIVATE.is_as_wanted(before, "She steers the night ferry.")
    assert PRIVATE.is_as_wanted(before, "She is a pilot of balloons.")


def test_what_is_to_be_kept_may_come_out_in_other_words() -> None:
    before = "He is an organ builder."
    assert KEPT.is_as_wanted(before, "By trade he is an organ builder.")
    assert not KEPT.is_as_wanted(before, "He is a baker.")


def test_what_nothing_is_known_of_must_stay_as_it_was() -> None:
    question = general()[0]
    assert question.is_as_wanted("Paris.", "Paris.")
    assert not question.is_as_wanted("Paris.", "Rome.")


def test_the_subject_and_others_are_asked_about_by_name(tmp_path: Path) -> None:
    sample = reference.sample("smollm2", "Albert Einstein", tmp_path)
    asked = of_name(sample)
    assert {question.forget for question in asked} == {True, False}
    assert all(question.spans and ("Einstein" in question.question) is question.forget for question in asked)
