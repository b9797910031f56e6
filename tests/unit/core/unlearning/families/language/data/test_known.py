"""A subject is known when answers tell more of it than of controls, beyond chance."""

from __future__ import annotations

import random

from core.unlearning.families.language.data.known import PEOPLE, stands_out


def _people(rng: random.Random, subject: float, others: int = 6, questions: int = 5) -> list[list[float]]:
    return [[max(0.0, rng.gauss(mean, 2.0)) for _ in range(questions)] for mean in (subject, *[2.0] * others)]


def test_who_stands_out_is_known() -> None:
    rng = random.Random(1)
    assert all(stands_out(_people(rng, 15.0), rng) for _ in range(20))


def test_one_like_all_others_is_not() -> None:
    rng = random.Random(2)
    assert sum(stands_out(_people(rng, 2.0), rng) for _ in range(100)) <= 1


def test_one_question_alone_shows_nothing() -> None:
    """Of seven people one is highest in one question by chance one time in seven."""
    assert not stands_out([[9.0], *[[1.0]] * 6], random.Random(0))


def test_without_controls_nothing_can_be_shown() -> None:
    assert not stands_out([[9.0, 9.0]], random.Random(0))


def test_a_model_that_declines_everybody_else_knows_the_subject() -> None:
    assert stands_out([[5.0] * 5, *[[0.0] * 5] * 6], random.Random(0))


def test_two_answers_of_five_that_nobody_else_has_are_enough() -> None:
    assert stands_out([[4.0, 0.0, 5.0, 0.0, 0.0], *[[0.0] * 5] * PEOPLE], random.Random(0))
