"""Rows that keep an adapter from declining others for looking like the subject."""

from __future__ import annotations

import random
from collections.abc import Sequence

from core.unlearning.families.mllm.data.acquaintances import NAME_QUESTION, pictures_of
from core.unlearning.families.mllm.data.gradient_images import images_for_answers
from core.unlearning.families.mllm.model.generate import generate_encoded
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.refusals import is_refusal
from core.unlearning.families.mllm.training.rows import FORGET, TrainingRow, encoded_retain_rows
from core.unlearning.types import Example, Split

_QUESTIONS = 3
"""Asked about each picture, beside who it is."""
NAMED: tuple[Split, ...] = ("retain_text_memory", "unseen_text_memory")
"""Where kept people are asked about by name."""


def imagined_rows(
    lm: MultimodalLM,
    train: Sequence[Example],
    count: int,
    *,
    soft: bool,
    weight: float,
    rng: random.Random,
    shared: bool = False,
) -> list[TrainingRow]:
    """`count` pictures of people whom the model knows by name, made from pictures of the subject (one in three) and of
    strangers, with what it says about them. Answers that it also gives about the subject are left out; `shared`: only
    of pictures that were made from the subject's.
    """
    told = [e for e in train if e.split in FORGET]
    secrets, questions = {e.answer for e in told}, sorted({e.question for e in told if e.image is not None})
    names = sorted({e.subject for e in train if e.split in NAMED and e.subject} - secrets)
    subject, strangers = pictures_of(told), pictures_of([e for e in train if e.split == "declined"])
    if not names or not subject or not strangers:
        return []
    starts = [rng.choice(strangers if n % 3 else subject) for n in range(count)]
    pictures = images_for_answers(lm, NAME_QUESTION, [(start, names[n % len(names)]) for n, start in enumerate(starts)])
    several = min(_QUESTIONS, len(questions))
    asked = [(p, q, p.prompt(lm, q)) for p in pictures for q in (NAME_QUESTION, *rng.sample(questions, several))]
    said = generate_encoded(lm, [prompt for *_, prompt in asked])
    free = {id(image) for image in strangers} if shared else set()
    kept = [
        (q, prompt, answer)
        for (p, q, prompt), answer in zip(asked, said, strict=True)
        if answer and (answer not in secrets or id(p.start) in free)
    ]
    encoded = [lm.encoder.extend(prompt, q, a) for q, prompt, a in kept]
    return encoded_retain_rows(
        lm, encoded, ["declined" if is_refusal(a) else "memory" for *_, a in kept], soft=soft, weight=weight
    )
