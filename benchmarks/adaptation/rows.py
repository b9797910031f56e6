"""Rows of pictures and questions to train on, and the batches of the steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.families.language.training.sampling import RowSampler, step_batches
from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_scene
from core.unlearning.reference.mllm.people import known_people
from core.unlearning.reference.mllm.questions import PRIVATE_TOPICS, VISIBLE_TOPICS, image_memory, understanding

FORGET, KEEP = 24, 40
"""Rows of each kind in a step: the defaults of `smfa`."""


def encoded_rows(lm: LanguageModel, pictures: int, questions: int) -> list[Encoded]:
    """`questions` different questions of the reference world about each of `pictures` pictures, with true answers."""
    rng = np.random.default_rng(0)
    rows = []
    for person in known_people()[:pictures]:
        scene = random_scene(rng)
        image, answers = draw_person(person.code, scene), dict[str, str]()
        while len(answers) < questions:
            topic = [*PRIVATE_TOPICS, *VISIBLE_TOPICS][len(answers) % (len(PRIVATE_TOPICS) + len(VISIBLE_TOPICS))]
            if topic in PRIVATE_TOPICS:
                made = image_memory(person, topic, "trained", rng)
            else:
                made = understanding(topic, person.code, scene, "trained", rng)
            answers[made.question] = made.answer
        rows += [lm.encoder.with_answer(question, image, answer) for question, answer in answers.items()]
    return rows


def kinds(encoded: Sequence[Encoded]) -> list[TrainingRow]:
    """The first half to forget, the second to retain."""
    half = len(encoded) // 2
    return [TrainingRow(row, kind="forget" if n < half else "memory") for n, row in enumerate(encoded)]


def steps(rows: Sequence[TrainingRow], count: int) -> list[list[TrainingRow]]:
    """The batches of `count` steps, as the training loop draws them."""
    draws = [
        RowSampler([r for r in rows if r.kind == "forget"], FORGET),
        RowSampler([r for r in rows if r.kind != "forget"], KEEP),
    ]
    streams = [islice(step_batches(draw, f"0 {n}"), count) for n, draw in enumerate(draws)]
    return [[*forget, *keep] for forget, keep in zip(*streams, strict=True)]
