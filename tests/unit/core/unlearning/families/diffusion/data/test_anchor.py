"""What is drawn in a forgotten entity's place."""

from __future__ import annotations

import pytest

from core.unlearning.families.diffusion.data.anchor import anchor_words, fit_article, with_anchor
from core.unlearning.types import Entity, Example, JobData
from tests.support.tiny_pipelines import tokenizer


def _data(replacement: str | None = None) -> JobData:
    kept = tuple(Example("retain_same", f"a {name}", name) for name in ("pat", "kim", "pat"))
    return JobData(kept, (), (), entity=Entity("bob", "object"), replacement=replacement)


@pytest.mark.parametrize(
    ("prompt", "subject", "expected"),
    [
        ("a bob beside pat", "bob", "a thing beside pat"),
        ("the bob", "bob", "the thing"),
        ("see bob now", "bob", "see a thing now"),
        ("bobby and bob", "bob", "bobby and a thing"),
        ("something unnamed", None, "a thing"),
    ],
)
def test_an_article_is_not_doubled(prompt: str, subject: str | None, expected: str) -> None:
    example = Example("forget_concept", prompt, "bob", subject=subject)
    assert with_anchor(example, "a thing") == expected
    assert fit_article(example, "a thing") in with_anchor(example, "a thing")


def test_the_option_goes_before_the_replacement() -> None:
    assert anchor_words(tokenizer(), _data("a cat"), "a dog") == ("a dog",)
    assert anchor_words(tokenizer(), _data("a cat"), None) == ("a cat",)


def test_neighbours_stand_for_a_kind_that_has_no_word() -> None:
    assert anchor_words(tokenizer(), _data(), None) == ("pat", "kim")
