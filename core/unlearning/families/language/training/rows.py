"""Rows to train on: an encoded answer, and optionally a teacher distribution to match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import score_encoded
from core.unlearning.families.language.training.refusal_pool import RefusalPool
from core.unlearning.families.language.training.teacher import Teacher, teacher_distributions
from core.unlearning.types import Example

FORGET = ("forget_image_memory", "forget_text_memory")
RowKind = Literal["forget", "memory", "seen", "declined"]
"""`forget`: to be forgotten; `memory`: what the model knows of others; `seen`: what a picture shows, or general
knowledge; `declined`: what it declines."""


@dataclass(frozen=True)
class TrainingRow:
    """`teacher` None: cross-entropy on the answer. `weight` counts in the step's mean."""

    encoded: Encoded
    teacher: Teacher | None = None
    weight: float = 1.0
    kind: RowKind = "forget"
    alternative: Encoded | None = None
    """The same question with another answer, for losses that compare two answers."""
    reference: float = 0.0
    """log p(answer) under the frozen model, for losses relative to it."""
    alternative_reference: float = 0.0
    ceiling: float | None = None
    """The log p(answer) below which the erasure loss is zero."""

    @property
    def has_image(self) -> bool:
        """Whether the row belongs to the image view."""
        return bool(self.encoded.vision)


def retain_rows(lm: LanguageModel, examples: Sequence[Example], *, soft: bool, weight: float) -> list[TrainingRow]:
    """Rows on which the model is to stay as it is.

    `soft`: KL to its own distribution, with `weight`; else cross-entropy on the answers.
    """
    encoded = [lm.encoder.with_answer(e.question, e.image, e.answer) for e in examples]
    return encoded_retain_rows(lm, encoded, [_kind(e) for e in examples], soft=soft, weight=weight)


def encoded_retain_rows(
    lm: LanguageModel, encoded: Sequence[Encoded], kinds: Sequence[RowKind], *, soft: bool, weight: float
) -> list[TrainingRow]:
    """`retain_rows` of encoded answers."""
    if not soft:
        return [TrainingRow(row, kind=kind) for row, kind in zip(encoded, kinds, strict=True)]
    targets = teacher_distributions(lm, encoded)
    return [TrainingRow(row, target, weight, kind) for row, target, kind in zip(encoded, targets, kinds, strict=True)]


def answer_rows(lm: LanguageModel, examples: Sequence[Example]) -> list[TrainingRow]:
    """Questions with the answers that are to be forgotten."""
    return [TrainingRow(lm.encoder.with_answer(e.question, e.image, e.answer)) for e in examples]


def with_reference(lm: LanguageModel, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
    """The rows with log p of their answers under the model, which is still frozen."""
    scores = score_encoded(lm, [row.encoded for row in rows])
    alternatives = iter(score_encoded(lm, [row.alternative for row in rows if row.alternative is not None]))
    return [
        replace(
            row,
            reference=scored.total,
            alternative_reference=0.0 if row.alternative is None else next(alternatives).total,
        )
        for row, scored in zip(rows, scores, strict=True)
    ]


def with_weight(rows: Sequence[TrainingRow], weight: float) -> list[TrainingRow]:
    """The same rows with another weight."""
    return [replace(row, weight=weight) for row in rows]


def _kind(example: Example) -> RowKind:
    if example.split == "declined":
        return "declined"
    return "memory" if example.split.endswith("_memory") else "seen"


def refusal_rows(lm: LanguageModel, examples: Sequence[Example], pool: RefusalPool) -> list[TrainingRow]:
    """Questions to forget, each with a refusal drawn from the pool as its answer."""
    return [TrainingRow(lm.encoder.with_answer(e.question, e.image, pool.draw())) for e in examples]
