"""Rows that keep a forgetting adapter from declining other people for looking like the subject."""

from __future__ import annotations

import random
from collections.abc import Sequence

from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.families.language.data.acquaintances import NAME_QUESTION, pictures_of
from core.unlearning.families.language.data.gradient_images import GradientImage, images_for_answers
from core.unlearning.families.language.model.generate import generate_encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.rows import FORGET, RowKind, TrainingRow, encoded_retain_rows
from core.unlearning.types import Example, Split

_QUESTIONS = 3
"""Questions about each picture, beside the one who it is."""
NAMED: tuple[Split, ...] = ("retain_text_memory", "unseen_text_memory")
"""Splits in which retained people are asked about by name."""


def gradient_image_rows(
    lm: LanguageModel,
    train: Sequence[Example],
    count: int,
    *,
    soft: bool,
    weight: float,
    rng: random.Random,
    keep_shared_answers: bool,
) -> list[TrainingRow]:
    """Retain rows about `count` pictures that the frozen model takes for people it knows by name.

    One picture in three is made from one of the subject, the others from strangers'; the answers are the model's own.
    Answers that it also gives about the subject are left out, except, with `keep_shared_answers`, on pictures made from
    strangers'.
    """
    forget = [e for e in train if e.split in FORGET]
    secrets, questions = {e.answer for e in forget}, sorted({e.question for e in forget if e.image is not None})
    names = sorted({e.subject for e in train if e.split in NAMED and e.subject} - secrets)
    subject, strangers = pictures_of(forget), pictures_of([e for e in train if e.split == "declined"])
    if not names or not subject or not strangers:
        return []
    starts = [rng.choice(strangers if n % 3 else subject) for n in range(count)]
    pictures = images_for_answers(lm, NAME_QUESTION, [(start, names[n % len(names)]) for n, start in enumerate(starts)])
    several = min(_QUESTIONS, len(questions))
    asked = [(p, q, p.prompt(lm, q)) for p in pictures for q in (NAME_QUESTION, *rng.sample(questions, several))]
    answers = generate_encoded(lm, [prompt for *_, prompt in asked])
    exempt = {id(image) for image in strangers} if keep_shared_answers else set()

    def is_kept(picture: GradientImage, answer: str) -> bool:
        return bool(answer) and (answer not in secrets or id(picture.start) in exempt)

    kept = [(q, prompt, a) for (p, q, prompt), a in zip(asked, answers, strict=True) if is_kept(p, a)]
    encoded = [lm.encoder.extend(prompt, q, a) for q, prompt, a in kept]
    kinds: list[RowKind] = ["declined" if is_refusal(a) else "memory" for *_, a in kept]
    return encoded_retain_rows(lm, encoded, kinds, soft=soft, weight=weight)
