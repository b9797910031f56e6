"""People whom the model names itself: its answers about them are kept, though no retain set lists them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from PIL.Image import Image

from core.unlearning.families.language.data.asker import Asker, Question
from core.unlearning.families.language.data.forget_set import name_questions
from core.unlearning.families.language.data.retain_set import RetainRow
from core.unlearning.families.language.limits import Limits
from core.unlearning.families.language.refusals import is_refusal
from core.unlearning.families.shared.sampling import take
from core.unlearning.families.shared.text import mentions
from core.unlearning.types import Entity, Example

NAME_QUESTION = "What is the name of this person?"
_QUESTIONS = 4
"""Questions about each person."""
_ROUNDS = 3
"""In each round the names given so far are suppressed, so that the model gives others."""
_WORDS = 5
"""Words of a name at most: a longer answer is not taken for one."""


def acquaintance_rows(
    asker: Asker,
    entity: Entity,
    prompts: Sequence[str],
    retained: Sequence[RetainRow],
    to_forget: Sequence[Example],
    limits: Limits,
    rng: random.Random,
) -> list[Example]:
    """The model's answers about people whom it names when shown the subject's and strangers' pictures.

    The openers of refusals and of the subject's name are suppressed, so that it names somebody else whom it knows.
    Answers that are also the subject's, in `to_forget`, are left out.
    """
    if entity.kind != "identity":
        return []
    looks_alike = take(pictures_of(to_forget), limits.keep // 8, rng)
    pictures = [*looks_alike, *take(_strangers(retained), limits.keep // 2 - len(looks_alike), rng)]
    names = take(_names(asker, entity, retained, pictures), limits.keep // _QUESTIONS, rng)
    questions: dict[str, list[Question]] = {}
    for name in names:
        about = name_questions(entity, prompts, name)
        questions[name] = [(q, None) for q in take(about.own or about.added, _QUESTIONS, rng)]
    asker.ask([question for several in questions.values() for question in several])
    rows = [row for name in names for row in asker.examples("unseen_text_memory", questions[name], name)]
    secrets = {e.answer for e in to_forget}
    return [row for row in rows if row.answer not in secrets]


def _names(asker: Asker, entity: Entity, retained: Sequence[RetainRow], pictures: Sequence[Image]) -> list[str]:
    known = {k.subject.casefold() for k in retained if k.subject and k.part == "train"}
    found: dict[str, None] = {}
    for _ in range(_ROUNDS):
        answers = asker.ask_without_refusing([(NAME_QUESTION, i) for i in pictures], instead_of=[*entity.names, *found])
        names = {a for a in answers if 1 < len(a.split()) <= _WORDS and not is_refusal(a)}
        if names <= found.keys():
            break
        found |= dict.fromkeys(sorted(names))
    return [n for n in found if n.casefold() not in known and not mentions(n, entity.names)]


def _strangers(retained: Sequence[RetainRow]) -> list[Image]:
    return pictures_of([k for k in retained if k.group == "declined" and k.part == "train"])


def pictures_of(rows: Iterable[RetainRow] | Iterable[Example]) -> list[Image]:
    """The pictures of the rows, each once, in order."""
    return list({id(row.image): row.image for row in rows if row.image is not None}.values())
