"""Forgotten questions with the behaviour to learn: how the frozen model treats strangers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL.Image import Image

from core.unlearning.families.mllm.evaluation.refusals import is_refusal
from core.unlearning.families.mllm.generate import generate
from core.unlearning.families.mllm.model import MultimodalLM
from core.unlearning.families.mllm.questions import rename
from core.unlearning.families.mllm.training.refusals import RefusalPool
from core.unlearning.families.mllm.training.rows import Row
from core.unlearning.families.mllm.training.targets import distributions, mean
from core.unlearning.types import Example

STRANGERS = 3
"""Pictures or names that a forgotten subject is compared with, for each question."""


@dataclass(frozen=True)
class _Counterfactual:
    """A forgotten question as it would be put about someone unknown, in several ways."""

    example: Example
    asked: tuple[tuple[str, Image | None], ...]


def counterfactual_rows(
    lm: MultimodalLM, examples: Sequence[Example], declined: Sequence[Example], pool: RefusalPool, rng: random.Random
) -> list[Row]:
    """Forgotten questions with the frozen model's behaviour towards strangers.

    Matched along the model's own refusal and along the true answer, so that neither its first token nor what follows a
    first token that slipped out is told. Where the model does not decline for strangers, a refusal is learned.
    """
    pairs = [_Counterfactual(e, _strangers(e, declined, rng)) for e in examples]
    answers = _stranger_answers(lm, pairs)
    refusals = [a for a in answers if a is not None and is_refusal(a)]
    soft, hard = [], []
    for pair, answer in zip(pairs, answers, strict=True):
        if answer is not None and is_refusal(answer):
            soft.append((pair, answer))
        else:
            hard.append((pair.example, rng.choice(refusals) if refusals else pool.draw()))
    rows = [Row(lm.encoder.with_answer(e.question, e.image, answer)) for e, answer in hard]
    return rows + _soft_rows(lm, soft)


def _strangers(
    example: Example, declined: Sequence[Example], rng: random.Random
) -> tuple[tuple[str, Image | None], ...]:
    if example.image is not None:
        images = list({id(e.image): e.image for e in declined if e.image is not None}.values())
        return tuple((example.question, i) for i in rng.sample(images, min(STRANGERS, len(images))))
    names = list({e.subject: None for e in declined if e.image is None and e.subject})
    if example.subject is None:
        return ()
    drawn = rng.sample(names, min(STRANGERS, len(names)))
    return tuple((rename(example.question, example.subject, name), None) for name in drawn)


def _stranger_answers(lm: MultimodalLM, pairs: Sequence[_Counterfactual]) -> list[str | None]:
    asked = [p.asked[0] for p in pairs if p.asked]
    answers = iter(generate(lm, asked) if asked else [])
    return [next(answers) if p.asked else None for p in pairs]


def _soft_rows(lm: MultimodalLM, soft: Sequence[tuple[_Counterfactual, str]]) -> list[Row]:
    rows, teachers, sizes = [], [], []
    for pair, refusal in soft:
        question, image = pair.example.question, pair.example.image
        prompt = lm.encoder.prompt(question, image)
        others = [lm.encoder.prompt(q, i) for q, i in pair.asked]
        for answer in (refusal, pair.example.answer):
            rows.append(lm.encoder.extend(prompt, question, answer))
            teachers += [lm.encoder.extend(other, question, answer) for other in others]
            sizes.append(len(others))
    found = iter(distributions(lm, teachers))
    return [Row(row, mean([next(found) for _ in range(size)])) for row, size in zip(rows, sizes, strict=True)]
