"""Rows of the forget set, with what a forgetting adapter learns on them: the frozen model's behaviour on controls."""

from __future__ import annotations

import random
from collections.abc import Sequence

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.model.generate import generate
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.refusals import is_refusal
from core.unlearning.families.language.training.refusal_pool import RefusalPool
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.families.language.training.teacher import mean_teacher, teacher_distributions
from core.unlearning.methods.smfa.controls import LEVEL_CONTROLS, ControlledQuestion, control_levels, with_controls
from core.unlearning.types import Example


def counterfactual_rows(
    lm: LanguageModel, examples: Sequence[Example], declined: Sequence[Example], pool: RefusalPool, rng: random.Random
) -> list[TrainingRow]:
    """Forgotten questions with the frozen model's distributions on controls as the teacher.

    The teacher covers the model's own refusal and the true answer, so that neither the answer's first token nor what
    follows a first token that was generated anyway is revealed. Where the model does not decline for controls, the row
    is a refusal.
    """
    questions = with_controls(examples, declined, rng)
    answers = _control_answers(lm, questions)
    refusals = [a for a in answers if a is not None and is_refusal(a)]
    declining, others = [], []
    for question, answer in zip(questions, answers, strict=True):
        if answer is not None and is_refusal(answer):
            declining.append((question, answer))
        else:
            others.append((question.example, rng.choice(refusals) if refusals else pool.draw()))
    rows = [TrainingRow(lm.encoder.with_answer(e.question, e.image, refusal)) for e, refusal in others]
    return rows + _teacher_rows(lm, declining)


def erasure_rows(
    lm: LanguageModel, examples: Sequence[Example], declined: Sequence[Example], weight: float, rng: random.Random
) -> list[TrainingRow]:
    """Forgotten questions with their true answers, each with its control level as the ceiling of its log-probability.

    Raises `InvalidInputError` (`no_strangers`) where no control is registered.
    """
    questions = with_controls(examples, declined, rng, LEVEL_CONTROLS)
    examples = [question.example for question in questions]
    encoded = [lm.encoder.with_answer(e.question, e.image, e.answer) for e in examples]
    levels = control_levels(lm, questions)
    rows = [
        TrainingRow(row, weight=weight, ceiling=level)
        for row, level in zip(encoded, levels, strict=True)
        if level is not None
    ]
    if not rows:
        raise InvalidInputError(
            "erasure needs pictures or names in the model's retain set that it declines", code="no_strangers"
        )
    return rows


def _control_answers(lm: LanguageModel, questions: Sequence[ControlledQuestion]) -> list[str | None]:
    """The model's answer about the first control of each question; None without controls."""
    asked = [question.controls[0] for question in questions if question.controls]
    answers = iter(generate(lm, asked) if asked else [])
    return [next(answers) if question.controls else None for question in questions]


def _teacher_rows(lm: LanguageModel, declining: Sequence[tuple[ControlledQuestion, str]]) -> list[TrainingRow]:
    """Two rows a question, the refusal and the true answer, each with the mean of its controls' distributions."""
    rows, control_rows, counts = [], [], []
    for controlled, refusal in declining:
        question, image = controlled.example.question, controlled.example.image
        prompt = lm.encoder.prompt(question, image)
        for answer in (refusal, controlled.example.answer):
            rows.append(lm.encoder.extend(prompt, question, answer))
            control_rows += controlled.encode_controls(lm, answer)
            counts.append(len(controlled.controls))
    teachers = iter(teacher_distributions(lm, control_rows))
    means = [mean_teacher([next(teachers) for _ in range(count)]) for count in counts]
    return [TrainingRow(row, teacher) for row, teacher in zip(rows, means, strict=True)]
