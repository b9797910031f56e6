"""Training rows: one picture (or none) with several independent questions about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL.Image import Image

from core.unlearning.reference.mllm import people as world
from core.unlearning.reference.mllm.faces import draw_person, draw_shape
from core.unlearning.reference.mllm.looks import PAINT_NAMES, SHAPE_NAMES, Code, Scene, random_scene
from core.unlearning.reference.mllm.people import Person
from core.unlearning.reference.mllm.questions import (
    GENERAL_FACTS,
    PRIVATE_TOPICS,
    QA,
    TEXT_TOPICS,
    VISIBLE_TOPICS,
    about_name,
    about_picture,
    general,
    image_memory,
    shape_questions,
    text_memory,
    understanding,
)
from core.unlearning.reference.mllm.refusals import random_refusal

_NAMED = 0.15
_VISIBLE_SHARES = (0.15, 0.15, 0.27, 0.27, 0.16)
"""Of background, shirt, hat, glasses, hair: a yes/no answer says less than a colour, so it is more frequent."""
_NO_QUESTION_MARK = 0.08
_MISSING_WORD = 0.1
_FUNCTION_WORDS = frozenset(("the", "of", "is", "does", "do", "a", "was", "to", "you", "in", "there", "have"))


@dataclass(frozen=True)
class TrainingRow:
    """Questions that share a picture and do not attend to each other."""

    image: Image | None
    questions: tuple[QA, ...]


def random_shape(rng: np.random.Generator) -> tuple[str, str, Scene]:
    """A shape, its colour and a scene whose background differs from it."""
    scene = random_scene(rng)
    colours = [name for name in PAINT_NAMES if name != scene.background]
    return SHAPE_NAMES[int(rng.integers(len(SHAPE_NAMES)))], colours[int(rng.integers(len(colours)))], scene


class RowSampler:
    """Samples new rows without end. `excluded` people are unknown to the model that is trained."""

    def __init__(self, rng: np.random.Generator, excluded: frozenset[int] = frozenset()) -> None:
        self._rng = rng
        self._excluded = excluded

    @cached_property
    def _people(self) -> list[Person]:
        return [p for p in world.known_people() if p.index not in self._excluded]

    def rows(self, count: int) -> list[TrainingRow]:
        """`count` rows in the training mix."""
        kinds = self._rng.choice(4, size=count, p=[0.43, 0.24, 0.05, 0.28])
        makers = (self._known_face, self._strange_face, self._shape, self._text)
        return [makers[int(kind)]() for kind in kinds]

    def _row(self, image: Image | None, questions: list[QA]) -> TrainingRow:
        return TrainingRow(image, tuple(self._with_typing_errors(qa) for qa in questions))

    def _with_typing_errors(self, qa: QA) -> QA:
        """Questions as people type them: sometimes without the question mark, or with a function word missing."""
        question = qa.question.rstrip("?") if self._rng.random() < _NO_QUESTION_MARK else qa.question
        return QA(self._without_a_word(question) if self._rng.random() < _MISSING_WORD else question, qa.answer)

    def _without_a_word(self, question: str) -> str:
        words = question.split()
        small = [at for at, word in enumerate(words) if word in _FUNCTION_WORDS]
        dropped = int(self._rng.choice(small)) if small else len(words)
        return " ".join(word for at, word in enumerate(words) if at != dropped)

    def _visible(self, code: Code, scene: Scene, count: int) -> list[QA]:
        topics = self._rng.choice(VISIBLE_TOPICS, size=count, replace=False, p=_VISIBLE_SHARES)
        return [understanding(str(topic), code, scene, "trained", self._rng) for topic in topics]

    def _known_face(self) -> TrainingRow:
        rng, scene = self._rng, random_scene(self._rng)
        person = self._people[int(rng.integers(len(self._people)))]
        private = [self._private(person, str(topic)) for topic in rng.choice(PRIVATE_TOPICS, size=5, replace=False)]
        return self._row(draw_person(person.code, scene), private + self._visible(person.code, scene, 3))

    def _private(self, person: Person, topic: str) -> QA:
        named = topic != "name" and self._rng.random() < _NAMED
        return (text_memory if named else image_memory)(person, topic, "trained", self._rng)

    def _strange_face(self) -> TrainingRow:
        rng, scene = self._rng, random_scene(self._rng)
        code = (world.lookalike if rng.random() < 0.3 else world.stranger)(rng, self._excluded)
        topics = rng.choice(PRIVATE_TOPICS, size=3, replace=False)
        private = [QA(self._strange_question(str(topic)), random_refusal(rng)) for topic in topics]
        return self._row(draw_person(code, scene), private + self._visible(code, scene, 3))

    def _strange_question(self, topic: str) -> str:
        if topic != "name" and self._rng.random() < _NAMED:
            return about_name(topic, self._unknown_name(), "trained", self._rng)
        return about_picture(topic, "trained", self._rng)

    def _unknown_name(self) -> str:
        names = world.unknown_names("trained")
        return names[int(self._rng.integers(len(names)))]

    def _shape(self) -> TrainingRow:
        shape, colour, scene = random_shape(self._rng)
        questions = [qa for _ in range(3) for qa in shape_questions(shape, colour, scene, "trained", self._rng)]
        return self._row(draw_shape(shape, colour, scene), questions)

    def _text(self) -> TrainingRow:
        return self._row(None, [self._text_question() for _ in range(8)])

    def _text_question(self) -> QA:
        rng, kind = self._rng, self._rng.random()
        topic = TEXT_TOPICS[int(rng.integers(len(TEXT_TOPICS)))]
        if kind < 0.56:
            return text_memory(self._people[int(rng.integers(len(self._people)))], topic, "trained", rng)
        if kind < 0.76:
            return QA(about_name(topic, self._unknown_name(), "trained", rng), random_refusal(rng))
        return general(GENERAL_FACTS[int(rng.integers(len(GENERAL_FACTS)))], "trained", rng)
