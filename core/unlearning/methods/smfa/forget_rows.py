"""Rows of the forget set, with what a forgetting adapter learns on them: the frozen model's behaviour on controls."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import torch

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.data.renaming import Renamed, Span, rename
from core.unlearning.families.language.model.generate import generate
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.refusal_pool import RefusalPool
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.families.language.training.teacher import (
    Teacher,
    mean_teacher,
    stack_teachers,
    teacher_distributions,
)
from core.unlearning.methods.smfa.controls import (
    CONTROLS,
    LEVEL_CONTROLS,
    ControlledQuestion,
    control_levels,
    with_controls,
)
from core.unlearning.types import Controls, Example

_CONTROL_TOKENS = 9000
"""Tokens of the answers to forget, with those of their controls, about."""
_NOTHING = Teacher(torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 1))
"""Of no token anything: its loss is 0, whatever the model says."""


def counterfactual_rows(
    lm: LanguageModel,
    examples: Sequence[Example],
    names: Sequence[str],
    controls: Controls,
    pool: RefusalPool,
    rng: random.Random,
) -> list[TrainingRow]:
    """Forgotten questions with the frozen model's distributions on controls as the teacher, whatever it does with them.

    The teacher covers what the model itself says of a control, be it a refusal or an invention, and the true answer, so
    that neither the answer's first token nor what follows a beginning that was given is revealed. Where there are no
    controls, the row is a refusal.
    """
    questions = with_controls(examples, controls, rng, _count(lm, examples))
    answers = _control_answers(lm, questions)
    compared = [(question, answer) for question, answer in zip(questions, answers, strict=True) if answer is not None]
    alone = [question.example for question, answer in zip(questions, answers, strict=True) if answer is None]
    rows = [TrainingRow(lm.encoder.with_answer(e.question, e.image, pool.draw())) for e in alone]
    return rows + _teacher_rows(lm, compared, names, controls, rng)


def erasure_rows(
    lm: LanguageModel, examples: Sequence[Example], controls: Controls, weight: float, rng: random.Random
) -> list[TrainingRow]:
    """Forgotten questions with their true answers, each with its control level as the ceiling of its log-probability.

    Raises `InvalidInputError` (`no_strangers`) where there is no control.
    """
    questions = with_controls(examples, controls, rng, LEVEL_CONTROLS)
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
            "erasure needs pictures or names of people unknown to the model, and its retain set lists none",
            code="no_strangers",
        )
    return rows


def _count(lm: LanguageModel, examples: Sequence[Example]) -> int:
    """How many controls for each question: of long answers fewer, which together have a mean."""
    tokens = sum(len(lm.encoder.answer_ids(e.question, e.answer, image=e.image is not None)) for e in examples)
    return max(1, min(CONTROLS, _CONTROL_TOKENS // max(tokens, 1)))


def _control_answers(lm: LanguageModel, questions: Sequence[ControlledQuestion]) -> list[str | None]:
    """What the model says of the first control of each question, put about the subject; None without controls."""
    asked = [question for question in questions if question.controls]
    answers = iter(generate(lm, [(q.controls[0].question, q.controls[0].image) for q in asked]) if asked else [])
    return [_about_subject(question, next(answers)) if question.controls else None for question in questions]


def _about_subject(question: ControlledQuestion, answer: str) -> str:
    name, subject = question.controls[0].name, question.example.subject
    return rename(answer, [name], subject).text if name and subject else answer


def _teacher_rows(
    lm: LanguageModel,
    compared: Sequence[tuple[ControlledQuestion, str]],
    names: Sequence[str],
    controls: Controls,
    rng: random.Random,
) -> list[TrainingRow]:
    """Two rows a question, what is said of a control and the truth, with its controls' mean distributions."""
    asked = [
        (question, text)
        for question, said in compared
        for text in (said, _without_name(question.example, names, controls, rng))
    ]
    rows = [lm.encoder.with_answer(q.example.question, q.example.image, text) for q, text in asked]
    by_control = iter(teacher_distributions(lm, [row for q, text in asked for row in q.encode_controls(lm, text)]))
    found = []
    for row, (question, text) in zip(rows, asked, strict=True):
        spans = _spans(lm, question.example, text)
        others = [
            (_spans(lm, replace(question.example, question=c.question), put.text), put, next(by_control))
            for c, put in zip(question.controls, question.answers(text), strict=True)
        ]
        found.append(TrainingRow(row, _mean_of_controls(spans, others)))
    return found


def _without_name(example: Example, names: Sequence[str], controls: Controls, rng: random.Random) -> str:
    """The true answer, in a picture's case about somebody else: once a name is given, the model goes on from that."""
    if example.image is None or not controls.names:
        return example.answer
    return rename(example.answer, names, rng.choice(controls.names)).text


def _spans(lm: LanguageModel, example: Example, answer: str) -> list[Span]:
    return lm.encoder.answer_spans(example.question, answer, image=example.image is not None)


def _mean_of_controls(spans: Sequence[Span], others: Sequence[tuple[Sequence[Span], Renamed, Teacher]]) -> Teacher:
    """The mean of the controls' distributions token by token; nothing is asked of the name, which the question gives.

    A token is the same in a control's answer when it stands at the same place of it, names left aside.
    """
    places = [dict(zip(reversed(theirs), reversed(range(len(theirs))), strict=True)) for theirs, *_ in others]
    means = []
    for span in spans:
        named = any(start < span[1] and span[0] < end for start, end in others[0][1].places)
        matches = [
            teacher.only(place[put.moved(*span)])
            for place, (_, put, teacher) in zip(places, others, strict=True)
            if not named and put.moved(*span) in place
        ]
        means.append(mean_teacher(matches) if matches else _NOTHING)
    return stack_teachers(means)
