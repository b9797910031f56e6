"""The self-generated anchor: the frozen model's answers to questions in which the subject's identity plays no part.

With it a request needs no retain data of its own (the idea of visual-attribute anchoring, PAVA, arXiv 2608.30649).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from PIL.Image import Image

from core.unlearning.evaluation.answers.judge import is_refusal, tells_any
from core.unlearning.families.language import question_bank
from core.unlearning.families.language.data.asker import Asker, Question
from core.unlearning.families.language.data.drawings import QUESTIONS
from core.unlearning.families.language.data.facts import Contrast
from core.unlearning.families.language.data.forget_set import PicturesByPart
from core.unlearning.families.language.data.questions import reword, unique
from core.unlearning.families.language.data.retain_set import RetainRow
from core.unlearning.families.language.limits import Limits
from core.unlearning.families.shared.images import join_images
from core.unlearning.families.shared.sampling import take
from core.unlearning.types import Entity, Example, Part, Split

_UNSEEN: dict[bool, Split] = {True: "unseen_image_memory", False: "unseen_text_memory"}


def visible_rows(
    asker: Asker, pictures: PicturesByPart, retained: Sequence[RetainRow], limits: Limits, rng: random.Random
) -> dict[Part, list[Example]]:
    """Questions about what the forgotten pictures show, in the retain set's wordings where there are any."""
    rows: dict[Part, list[Example]] = {}
    for part, images in pictures.items():
        registered = unique([k.question for k in retained if k.group == "understanding" and k.part == part])
        asked = [(q, i) for i in images for q in (take(registered, 8, rng) or question_bank.VISIBLE[part])]
        rows[part] = asker.examples("forget_understanding", take(asked, limits.other_rows(part), rng))
    return rows


def drawn_rows(asker: Asker, images: Sequence[Image], part: Part) -> list[Example]:
    """The model's answers about drawn shapes."""
    asked: list[Question] = [(reword(q, part, n), image) for image in images for n, q in enumerate(QUESTIONS)]
    return asker.examples("general", asked)


def neighbour_rows(
    contrast: Contrast,
    entity: Entity,
    retained: Sequence[RetainRow],
    to_forget: Sequence[Example],
    limits: Limits,
    rng: random.Random,
) -> list[Example]:
    """The model's answers about made-up names: some share a first or a last name with the subject, some neither."""
    others = {k.subject for k in retained if k.subject and k.part == "train"} or set(contrast.controls.names)
    names = neighbours(entity, others, limits.keep // 4, rng)
    questions = [q for q in question_bank.about_name(entity.kind, "{}") if "{}" in q]
    asked: list[Question] = [(q.replace("{}", name), None) for name in names for q in rng.sample(questions, 2)]
    return _other_answers(contrast.asker, asked, to_forget)


def neighbour_pictures(
    asker: Asker,
    questions: Sequence[str],
    pictures: Sequence[Image],
    retained: Sequence[RetainRow],
    to_forget: Sequence[Example],
    limits: Limits,
    rng: random.Random,
) -> list[Example]:
    """The model's answers about pictures joined from two: of the subject and another person, or of two others."""
    about = {"memory", "declined", "understanding"}
    others = list(
        {id(k.image): k.image for k in retained if k.image and k.part == "train" and k.group in about}.values()
    )
    if len(others) < 2 or not questions:
        return []
    asked: list[Question] = []
    for count in range(limits.keep // 2):
        first = rng.choice(pictures) if pictures and count % 3 == 0 else rng.choice(others)
        picture = join_images(first, rng.choice(others), rng)
        asked += [(question, picture) for question in rng.sample(list(questions), min(2, len(questions)))]
    return _other_answers(asker, asked, to_forget)


def _other_answers(asker: Asker, asked: Sequence[Question], to_forget: Sequence[Example]) -> list[Example]:
    """The model's answers without those that tell what is to be forgotten."""
    secrets = {fact for example in to_forget for fact in example.facts or (example.answer,)}
    return [
        Example("declined" if is_refusal(answer, question) else _UNSEEN[image is not None], question, answer, image)
        for (question, image), answer in zip(asked, asker.ask(asked), strict=True)
        if answer and not tells_any(answer, secrets)
    ]


def neighbours(entity: Entity, others: set[str], count: int, rng: random.Random) -> list[str]:
    """Made-up names from parts of other names: `count` that share a part with the subject's, `count` that do not."""
    if entity.kind != "identity":
        return []
    others = {o for o in others if len(o.split()) > 1}
    own = [n.split() for n in entity.names if len(n.split()) > 1]
    firsts, lasts = sorted({o.split()[0] for o in others}), sorted({o.split()[-1] for o in others})
    near = [f"{n[0]} {last}" for n in own for last in lasts] + [f"{first} {n[-1]}" for n in own for first in firsts]
    far = [f"{first} {last}" for first in firsts for last in lasts]
    made = take(near, count, rng) + take(far, count, rng)
    taken = {n.casefold() for n in (*entity.names, *others)}
    return [name for name in made if name.casefold() not in taken]
