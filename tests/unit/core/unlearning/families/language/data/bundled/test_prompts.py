from __future__ import annotations

from itertools import combinations, product
from typing import get_args

import pytest
from rapidfuzz import fuzz

from core.unlearning.families.language.data.bundled.figures import figure_questions, public_figures
from core.unlearning.families.language.data.bundled.prompts import general_prompts, naming_prompts
from core.unlearning.reference.smollm2_vision.people import read
from core.unlearning.types import Part

PARTS: tuple[Part, ...] = get_args(Part)
NEAR = 83
"""Prompts so alike, of 100, ask the same."""


def alike(first: str, second: str) -> float:
    return fuzz.token_sort_ratio(first.casefold(), second.casefold())


def test_parts_share_no_prompt_and_none_alike() -> None:
    for one, other in combinations(PARTS, 2):
        pairs = product(general_prompts(one), general_prompts(other))
        assert [pair for pair in pairs if alike(*pair) >= NEAR] == []


def test_there_are_enough_prompts_and_three_fifths_to_train_on() -> None:
    sizes = {part: len(general_prompts(part)) for part in PARTS}
    assert sum(sizes.values()) >= 240
    assert 0.5 < sizes["train"] / sum(sizes.values()) < 0.65
    assert len(set(naming_prompts())) == len(naming_prompts()) >= 40


def test_some_prompts_of_each_part_are_in_other_scripts() -> None:
    for part in PARTS:
        assert sum(not prompt.isascii() for prompt in general_prompts(part)) >= len(general_prompts(part)) / 10


def test_no_prompt_is_one_that_the_reference_worlds_judge_by() -> None:
    judged = [prompt for kind in read("prompts.json").values() for prompt in kind]
    ours = [*naming_prompts(), *(prompt for part in PARTS for prompt in general_prompts(part))]
    ours += [question for part in PARTS for asked in figure_questions(part).values() for question in asked]
    assert [pair for pair in product(ours, judged) if alike(*pair) >= NEAR] == []


def test_every_figure_is_in_one_part() -> None:
    figures = [name for part in PARTS for name in public_figures(part)]
    assert len(set(figures)) == len(figures) >= 120


def test_parts_ask_of_figures_in_other_words() -> None:
    wordings = [{q.replace(name, "{}") for name, asked in figure_questions(p).items() for q in asked} for p in PARTS]
    assert all(one.isdisjoint(other) for one, other in combinations(wordings, 2))


@pytest.mark.parametrize("named", ["Virginia Woolf", "woolf", "V. Woolf"])
def test_who_is_to_be_forgotten_is_no_figure(named: str) -> None:
    assert "Virginia Woolf" in public_figures("train")
    assert "Virginia Woolf" not in figure_questions("train", avoid=[named])
    assert len(public_figures("train", avoid=[named])) == len(public_figures("train")) - 1
