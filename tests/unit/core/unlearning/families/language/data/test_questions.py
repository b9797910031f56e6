from __future__ import annotations

import pytest

from core.unlearning.families.language import question_bank
from core.unlearning.families.language.data.forget_set import name_questions, picture_questions
from core.unlearning.families.language.data.questions import about_name, replace_name, reword
from core.unlearning.families.shared.text import clean, mentions
from core.unlearning.types import Entity

ADA = Entity("Ada Okoro", aliases=("A. Okoro",))


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("Where was this person born?", "Where was Bo Li born?"),
        ("What is this person's job?", "What is Bo Li's job?"),
        ("Who is the person in this picture?", "Who is Bo Li?"),
        ("Where were they born?", "Where was Bo Li born?"),
        ("What do they do for a living?", "What does Bo Li do for a living?"),
        ("What is their job?", "What is Bo Li's job?"),
        ("What is her job?", "What is Bo Li's job?"),
        ("Where does he live?", "Where does Bo Li live?"),
        ("What do you know about her?", "What do you know about Bo Li?"),
        ("What is the home address?", "About Bo Li: What is the home address?"),
    ],
)
def test_a_question_about_a_picture_becomes_one_about_a_name(question: str, named: str) -> None:
    assert about_name(question, "Bo Li") == named


def test_names_are_found_as_whole_words_in_any_case() -> None:
    assert mentions("What is ada okoro's job?", ADA.names) == "Ada Okoro"
    assert mentions("What is Adam's job?", ("Ada",)) is None
    assert replace_name("ADA OKORO and Ada Okoro?", "Ada Okoro", "this person") == "This person and this person?"


def test_prompts_serve_both_views() -> None:
    prompts = ("Where was this person born?", "What is A. Okoro's job?")
    pictured = picture_questions(ADA, prompts)
    assert set(pictured.own) == {"Where was this person born?", "What is this person's job?"}
    named = name_questions(ADA, prompts, "Ada Okoro")
    assert named.own == ["What is Ada Okoro's job?"]
    assert "Where was Ada Okoro born?" in named.added


def test_without_prompts_the_bank_is_asked() -> None:
    assert picture_questions(ADA, ()).evaluated == question_bank.about_picture("identity")
    assert all("Ada Okoro" in question for question in name_questions(ADA, (), "Ada Okoro").evaluated)


def test_parts_share_no_wording() -> None:
    parts = {
        part: {reword("Where was this person born?", part, turn) for turn in range(24)}
        for part in ("train", "validation", "test")
    }
    assert not parts["train"] & parts["validation"]
    assert not parts["train"] & parts["test"]
    assert not parts["validation"] & parts["test"]


def test_a_prompt_cannot_open_a_picture_or_end_a_turn() -> None:
    assert clean("Who\n is <image>this</s>?", ("<image>", "</s>")) == "Who is this ?"
