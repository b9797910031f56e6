"""Other people whom the model knows, though no retain set lists them: what it says of them is kept, and measured."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.unlearning.families.language.data.asker import Question
from core.unlearning.families.language.data.bundled.figures import figure_questions
from core.unlearning.families.language.data.facts import Contrast
from core.unlearning.families.language.limits import Limits
from core.unlearning.families.shared.sampling import take
from core.unlearning.types import Entity, Example, Part

_QUESTIONS = 2
"""Questions about each person."""


def known_people_rows(
    contrast: Contrast, entity: Entity, limits: Limits, rng: random.Random
) -> dict[Part, list[Example]]:
    """Questions by name about public figures, by part, each person in one part.

    To measure with, only answers that tell something of the person are taken.
    """
    asked: dict[Part, dict[str, list[Question]]] = {"train": {}, "validation": {}, "test": {}}
    for part, people in asked.items():
        questions = figure_questions(part, avoid=entity.names)
        for name in take(list(questions), limits.other_rows(part) // (3 * _QUESTIONS), rng):
            people[name] = [(question, None) for question in take(questions[name], _QUESTIONS, rng)]
    # At once, since many answers take hardly longer than one.
    contrast.asker.ask([question for people in asked.values() for several in people.values() for question in several])
    return {part: _rows_about(contrast, people, part) for part, people in asked.items()}


def _rows_about(contrast: Contrast, people: Mapping[str, Sequence[Question]], part: Part) -> list[Example]:
    rows = []
    for name, questions in people.items():
        ask = contrast.asker.examples if part == "train" else replace(contrast, names=[name]).examples
        rows += ask("unseen_text_memory", questions, name)
    return rows
