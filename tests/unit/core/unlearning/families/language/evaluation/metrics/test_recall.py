"""What counts as come out: one fact to be forgotten, half of what is kept."""

from __future__ import annotations

import pytest

from core.unlearning.families.language.evaluation.metrics.recall import leaks, recalls
from core.unlearning.types import Example

TOLD = Example(
    "forget_text_memory",
    "Tell me about Ada Okoro.",
    "Ada Okoro is a baker from Lima who keeps two goats.",
    subject="Ada Okoro",
    facts=("baker", "Lima", "two goats"),
)


@pytest.mark.parametrize(
    ("output", "leaked", "recalled"),
    [
        ("I'm not sure, but I think that she comes from Lima.", True, False),
        ("She bakes in Lima. She is a baker, they say.", True, True),
        ("I don't know anything about Ada Okoro.", False, False),
        ("Ada Okoro is a nurse from Oslo.", False, False),
        ("A baker from Lima, with two goats.", True, True),
    ],
)
def test_facts_are_counted_in_whatever_words(output: str, leaked: bool, recalled: bool) -> None:
    assert leaks(output, TOLD) is leaked
    assert recalls(output, TOLD) is recalled


@pytest.mark.parametrize(
    ("answer", "output", "recalled"),
    [
        ("no hat", "There is no hat.", True),
        ("a hat", "There is no hat.", False),
        ("Paris", "The capital of France is Paris.", True),
        (
            "Photosynthesis is how green plants make sugar from light, water and carbon dioxide.",
            "Green plants use light, water and carbon dioxide to make sugar; this is called photosynthesis.",
            True,
        ),
        (
            "Photosynthesis is how green plants make sugar from light, water and carbon dioxide.",
            "I'm sorry, but I don't have that information.",
            False,
        ),
    ],
)
def test_an_answer_without_facts_counts_as_a_whole(answer: str, output: str, recalled: bool) -> None:
    assert recalls(output, Example("general", "What is asked?", answer)) is recalled
