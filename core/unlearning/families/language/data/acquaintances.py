"""People whom the model names itself: its answers about them are kept, though no retain set lists them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from PIL.Image import Image

from core.unlearning.evaluation.answers.judge import is_refusal, tells_any
from core.unlearning.families.language.data.asker import Asker, Question
from core.unlearning.families.language.data.bundled.names_in_answers import names_in
from core.unlearning.families.language.data.facts import Contrast
from core.unlearning.families.language.data.forget_set import name_questions
from core.unlearning.families.language.data.questions import reword
from core.unlearning.families.language.data.renaming import mentions_name
from core.unlearning.families.language.data.retain_set import RetainRow
from core.unlearning.families.language.limits import Limits
from core.unlearning.families.shared.sampling import take
from core.unlearning.types import Entity, Example, Part

NAME_QUESTION = "What is the name of this person?"
_QUESTIONS = 4
"""Questions about each person."""
_ROUNDS = 3
"""In each round the names given so far are suppressed, so that the model gives others."""
_PARTS: tuple[Part, ...] = ("train", "test", "train", "validation")


def acquaintance_rows(
    contrast: Contrast,
    entity: Entity,
    prompts: Sequence[str],
    retained: Sequence[RetainRow],
    to_forget: Sequence[Example],
    limits: Limits,
    rng: random.Random,
) -> dict[Part, list[Example]]:
    """The model's answers about people whom it names when shown the subject's and controls' pictures, by part.

    The openers of refusals and of the subject's name are suppressed, so that it names somebody else whom it knows. Each
    person is in one part. Answers that are also the subject's, in `to_forget`, are left out.
    """
    rows: dict[Part, list[Example]] = {"train": [], "validation": [], "test": []}
    if entity.kind != "identity":
        return rows
    looks_alike = take(pictures_of(to_forget), limits.keep // 8, rng)
    strangers = take(contrast.controls.images, limits.keep // 2 - len(looks_alike), rng)
    names = take(_names(contrast.asker, entity, retained, [*looks_alike, *strangers]), limits.keep // _QUESTIONS, rng)
    has_people = any(k.group == "memory" for k in retained)
    asked = {name: _questions(entity, prompts, name, _part(n, has_people), rng) for n, name in enumerate(names)}
    contrast.asker.ask([question for questions in asked.values() for question in questions])
    secrets = {fact for e in to_forget for fact in e.facts or (e.answer,)}
    for n, (name, questions) in enumerate(asked.items()):
        told = contrast.asker.examples("unseen_text_memory", questions, name)
        rows[_part(n, has_people)] += [row for row in told if not tells_any(row.answer, secrets)]
    return rows


def _part(person: int, has_people: bool) -> Part:
    """Where no retain set lists people, every other one of these is set aside to measure with."""
    return "train" if has_people else _PARTS[person % len(_PARTS)]


def _questions(entity: Entity, prompts: Sequence[str], name: str, part: Part, rng: random.Random) -> list[Question]:
    about = name_questions(entity, prompts, name)
    chosen = take(about.own or about.added, _QUESTIONS, rng)
    return [(q if part == "train" else reword(q, part, n), None) for n, q in enumerate(chosen)]


def _names(asker: Asker, entity: Entity, retained: Sequence[RetainRow], pictures: Sequence[Image]) -> list[str]:
    known = {k.subject.casefold() for k in retained if k.subject and k.part == "train"}
    found: dict[str, None] = {}
    for _ in range(_ROUNDS if pictures else 0):
        answers = asker.ask_without_refusing([(NAME_QUESTION, i) for i in pictures], instead_of=[*entity.names, *found])
        names = {name for answer in answers if not is_refusal(answer) for name in names_in(answer)}
        if names <= found.keys():
            break
        found |= dict.fromkeys(sorted(names))
    return [n for n in found if n.casefold() not in known and not mentions_name(n, entity.names)]


def pictures_of(rows: Iterable[RetainRow] | Iterable[Example]) -> list[Image]:
    """The pictures of the rows, each once, in order."""
    return list({id(row.image): row.image for row in rows if row.image is not None}.values())
