"""Forgotten questions with the behaviour to learn: how the frozen model treats strangers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.mllm.model.generate import generate
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.refusals import is_refusal
from core.unlearning.families.mllm.training.refusal_pool import RefusalPool
from core.unlearning.families.mllm.training.rows import TrainingRow
from core.unlearning.families.mllm.training.teacher import mean_teacher, teacher_distributions
from core.unlearning.methods.smfa.strangers import LEVELS, Counterfactual, counterfactuals, levels
from core.unlearning.types import Example


def counterfactual_rows(
    lm: MultimodalLM, examples: Sequence[Example], declined: Sequence[Example], pool: RefusalPool, rng: random.Random
) -> list[TrainingRow]:
    """Forgotten questions with the frozen model's behaviour towards strangers.

    Matched along the model's own refusal and along the true answer, so that neither its first token nor what follows a
    first token that slipped out is told. Where the model does not decline for strangers, a refusal is learned.
    """
    pairs = counterfactuals(examples, declined, rng)
    answers = _stranger_answers(lm, pairs)
    refusals = [a for a in answers if a is not None and is_refusal(a)]
    soft, hard = [], []
    for pair, answer in zip(pairs, answers, strict=True):
        if answer is not None and is_refusal(answer):
            soft.append((pair, answer))
        else:
            hard.append((pair.example, rng.choice(refusals) if refusals else pool.draw()))
    rows = [TrainingRow(lm.encoder.with_answer(e.question, e.image, answer)) for e, answer in hard]
    return rows + _soft_rows(lm, soft)


def erasure_rows(
    lm: MultimodalLM, examples: Sequence[Example], declined: Sequence[Example], weight: float, rng: random.Random
) -> list[TrainingRow]:
    """Forgotten questions with their true answers, which may stay as likely as they are of strangers.

    Raises `InvalidInputError` (`no_strangers`) where nobody unknown is registered.
    """
    pairs = counterfactuals(examples, declined, rng, LEVELS)
    rows = [
        TrainingRow(
            lm.encoder.with_answer(pair.example.question, pair.example.image, pair.example.answer), None, weight
        )
        for pair in pairs
    ]
    found = [
        replace(row, ceiling=level) for row, level in zip(rows, levels(lm, pairs), strict=True) if level is not None
    ]
    if not found:
        raise InvalidInputError(
            "erasure needs pictures or names in the model's retain set that it declines", code="no_strangers"
        )
    return found


def _stranger_answers(lm: MultimodalLM, pairs: Sequence[Counterfactual]) -> list[str | None]:
    asked = [p.asked[0] for p in pairs if p.asked]
    answers = iter(generate(lm, asked) if asked else [])
    return [next(answers) if p.asked else None for p in pairs]


def _soft_rows(lm: MultimodalLM, soft: Sequence[tuple[Counterfactual, str]]) -> list[TrainingRow]:
    rows, teachers, sizes = [], [], []
    for pair, refusal in soft:
        question, image = pair.example.question, pair.example.image
        prompt = lm.encoder.prompt(question, image)
        for answer in (refusal, pair.example.answer):
            rows.append(lm.encoder.extend(prompt, question, answer))
            teachers += pair.encoded(lm, answer)
            sizes.append(len(pair.asked))
    found = iter(teacher_distributions(lm, teachers))
    return [
        TrainingRow(row, mean_teacher([next(found) for _ in range(size)]))
        for row, size in zip(rows, sizes, strict=True)
    ]
