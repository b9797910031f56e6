"""How the pictures of a request are dealt into parts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, cast

import pytest
from PIL import Image

from core.unlearning.families.language.data.asker import Asker
from core.unlearning.families.language.data.forget_set import PicturesByPart, split_pictures
from core.unlearning.families.shared.images import is_copy


class OnePerson:
    """Gives every picture the same name."""

    def ask(self, questions: Sequence[Any]) -> list[str]:
        return ["Ada Okoro"] * len(questions)


def dealt(count: int) -> tuple[list[Image.Image], PicturesByPart]:
    pictures = [Image.new("RGB", (32, 32), (n, n, n)) for n in range(count)]
    return pictures, split_pictures(cast("Asker", OnePerson()), pictures, random.Random(0))


@pytest.mark.parametrize("count", [3, 4, 5])
def test_of_a_few_all_but_one_are_trained_on_and_that_one_is_unseen(count: int) -> None:
    pictures, parts = dealt(count)
    trained = [p for p in pictures if any(p is t for t in parts["train"])]
    assert len(trained) == count - 1
    assert len(parts["train"]) == 2 * (count - 1)
    (test,) = parts["test"]
    assert any(test is p for p in pictures)
    assert not any(test is t for t in trained)
    assert len(parts["validation"]) == count - 1
    assert all(is_copy(view) for view in parts["validation"])
    assert not is_copy(test)


@pytest.mark.parametrize("count", [1, 2])
def test_of_one_or_two_only_copies_are_asked_about(count: int) -> None:
    pictures, parts = dealt(count)
    assert all(any(p is t for t in parts["train"]) for p in pictures)
    assert len(parts["test"]) == count
    assert all(is_copy(view) for view in (*parts["test"], *parts["validation"]))


@pytest.mark.parametrize(("count", "held"), [(6, 1), (8, 2), (12, 3)])
def test_of_many_a_quarter_is_kept_for_each_other_part(count: int, held: int) -> None:
    pictures, parts = dealt(count)
    assert len(parts["test"]) == len(parts["validation"]) == held
    assert not any(is_copy(p) for part in parts.values() for p in part)
    assert sum(any(p is t for t in parts["train"]) for p in pictures) == count - 2 * held
