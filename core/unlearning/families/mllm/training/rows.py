"""Rows to train on: what to say to a question, and with what distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.unlearning.families.mllm.model.encoded import Encoded
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.model.score import score_encoded
from core.unlearning.families.mllm.training.refusal_pool import RefusalPool
from core.unlearning.families.mllm.training.teacher import Soft, distributions
from core.unlearning.types import Example

FORGET = ("forget_image_memory", "forget_text_memory")
Kind = Literal["forget", "memory", "seen", "declined"]
"""What a row holds the model to: to forget; what it knows of others; what anybody can see or know; what it declines."""


@dataclass(frozen=True)
class Row:
    """`soft` None: cross-entropy on the answer. `weight` counts in the step's mean."""

    encoded: Encoded
    soft: Soft | None = None
    weight: float = 1.0
    kind: Kind = "forget"
    beside: Encoded | None = None
    """The same question with another answer, for losses that compare two."""
    reference: float = 0.0
    """log p(answer) of the frozen model, for losses that are relative to it."""
    reference_beside: float = 0.0
    ceiling: float | None = None
    """The log p(answer) from which on nothing is left to erase."""

    @property
    def has_image(self) -> bool:
        """Which of the two views it belongs to."""
        return bool(self.encoded.vision)


def keep_rows(lm: MultimodalLM, examples: Sequence[Example], *, soft: bool, weight: float) -> list[Row]:
    """Rows that hold the model where it is: to its own distribution with `weight`, or (not `soft`) to the answers."""
    encoded = [lm.encoder.with_answer(e.question, e.image, e.answer) for e in examples]
    return held_rows(lm, encoded, [_kind(e) for e in examples], soft=soft, weight=weight)


def held_rows(
    lm: MultimodalLM, encoded: Sequence[Encoded], kinds: Sequence[Kind], *, soft: bool, weight: float
) -> list[Row]:
    """The same of answers that are encoded already."""
    if not soft:
        return [Row(row, kind=kind) for row, kind in zip(encoded, kinds, strict=True)]
    targets = distributions(lm, encoded)
    return [Row(row, target, weight, kind) for row, target, kind in zip(encoded, targets, kinds, strict=True)]


def answer_rows(lm: MultimodalLM, examples: Sequence[Example]) -> list[Row]:
    """Forgotten questions with the answers that are to go."""
    return [Row(lm.encoder.with_answer(e.question, e.image, e.answer)) for e in examples]


def referenced(lm: MultimodalLM, rows: Sequence[Row]) -> list[Row]:
    """The same rows with what the model, frozen as yet, makes of their answers."""
    told = score_encoded(lm, [row.encoded for row in rows])
    others = iter(score_encoded(lm, [row.beside for row in rows if row.beside is not None]))
    return [
        replace(row, reference=scored.total, reference_beside=0.0 if row.beside is None else next(others).total)
        for row, scored in zip(rows, told, strict=True)
    ]


def weighted(rows: Sequence[Row], weight: float) -> list[Row]:
    """The same rows with another weight."""
    return [replace(row, weight=weight) for row in rows]


def _kind(example: Example) -> Kind:
    if example.split == "declined":
        return "declined"
    return "memory" if example.split.endswith("_memory") else "seen"


def refusal_rows(lm: MultimodalLM, examples: Sequence[Example], pool: RefusalPool) -> list[Row]:
    """Forgotten questions answered by a refusal drawn for each."""
    return [Row(lm.encoder.with_answer(e.question, e.image, pool.draw())) for e in examples]
