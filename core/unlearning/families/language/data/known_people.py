"""Other people whom the model knows, though no retain set lists them: what it says of them is kept, and measured."""

from __future__ import annotations

import random
from dataclasses import replace

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

    Only answers that tell something of the person are kept.
    """
    rows: dict[Part, list[Example]] = {"train": [], "validation": [], "test": []}
    for part in rows:
        asked = figure_questions(part, avoid=entity.names)
        for name in take(list(asked), limits.other_rows(part) // (3 * _QUESTIONS), rng):
            questions = [(question, None) for question in take(asked[name], _QUESTIONS, rng)]
            rows[part] += replace(contrast, names=[name]).examples("unseen_text_memory", questions, name)
    return rows
