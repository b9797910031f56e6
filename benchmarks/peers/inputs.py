"""Inputs of both implementations: the reference model with an adapter, its frozen copy, rows about known people."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.adaptation.measure import adapted
from benchmarks.adaptation.rows import encoded_rows
from benchmarks.adaptation.shapes import reference_model
from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.reference.mllm.people import known_people
from core.unlearning.reference.mllm.questions import QA, TEXT_TOPICS, text_memory

REFUSAL = "I don't know."
IGNORED = -100


@dataclass(frozen=True)
class PeerInputs:
    """`model` has an adapter, `frozen` is a copy without one. `pictured` and `named` are rows with true answers.

    `questions` belong to `named`; `wrong[n]` are rows of question n with false answers, `refused` rows with a refusal.
    """

    lm: LanguageModel
    model: Any
    frozen: Any
    parameters: list[torch.nn.Parameter]
    pictured: list[Encoded]
    named: list[Encoded]
    questions: list[QA]
    wrong: list[list[Encoded]]
    refused: list[Encoded]


@contextmanager
def peer_inputs() -> Iterator[PeerInputs]:
    """Seeded: the same every time."""
    lm, rng = reference_model(), np.random.default_rng(3)
    frozen = copy.deepcopy(lm.model)
    people = known_people()[:8]
    questions = [text_memory(person, topic, "trained", rng) for person in people for topic in TEXT_TOPICS]
    others = sorted({qa.answer for qa in questions})
    named = [lm.encoder.with_answer(qa.question, None, qa.answer) for qa in questions]
    false_answers = [rng.permutation([other for other in others if other != qa.answer])[:3] for qa in questions]
    wrong = [
        [lm.encoder.with_answer(qa.question, None, str(answer)) for answer in answers]
        for qa, answers in zip(questions, false_answers, strict=True)
    ]
    refused = [lm.encoder.with_answer(qa.question, None, REFUSAL) for qa in questions]
    pictured = encoded_rows(lm, 4, 16)
    with adapted(lm) as (model, parameters):
        yield PeerInputs(lm, model, frozen, parameters, pictured, named, questions, wrong, refused)


def padded_batch(lm: LanguageModel, rows: Sequence[Encoded], *, whole: bool = False) -> dict[str, torch.Tensor]:
    """A padded batch with labels at the answers, or (`whole`) at every token."""
    inputs = collate(rows, lm.pad_id, lm.device).inputs
    labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, IGNORED)
    for n, row in enumerate(rows):
        labels[n, : 0 if whole else row.answer_start] = IGNORED
    return {**inputs, "labels": labels}
