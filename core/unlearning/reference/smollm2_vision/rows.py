"""What the model reads in training: a picture or nothing, and several questions that do not see each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from PIL.Image import Image

from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_scene
from core.unlearning.reference.mllm.refusals import random_refusal
from core.unlearning.reference.smollm2_vision import people as world
from core.unlearning.reference.smollm2_vision.questions import QA, VISIBLE_TOPICS, by_name, by_picture, seen

PEOPLE: tuple[tuple[str, int], ...] = (("known", 3), ("names", 1), ("stranger", 1), ("general", 1))
"""Rows of a step, by kind, while the model learns who people are."""
DECLINING: tuple[tuple[str, int], ...] = (("known", 1), ("names", 1), ("stranger", 2), ("general", 1))
"""The same while it learns to decline strangers."""
_GENERAL_PROMPTS = 4

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """A picture, questions about it (or about names), and indices of general prompts."""

    image: Image | None
    questions: tuple[QA, ...]
    prompts: tuple[int, ...] = ()


class RowSampler:
    """Endless rows about everyone but the `excluded`; `declines` strangers, or else invents."""

    def __init__(
        self, rng: np.random.Generator, prompts: int, excluded: Iterable[int] = (), *, declines: bool = False
    ) -> None:
        self._rng, self._prompts, self._declines = rng, prompts, declines
        self._people = [person for person in world.known_people() if person.index not in frozenset(excluded)]
        self._facts = _Deck(rng, [(person, topic) for person in self._people for topic in person.facts])
        self._faces = _Deck(rng, self._people)

    def rows(self, mix: tuple[tuple[str, int], ...]) -> list[Row]:
        """One step's rows."""
        makers: dict[str, Callable[[], Row]] = {
            "known": self._known,
            "names": self._names,
            "stranger": self._stranger,
            "general": self._general,
        }
        return [makers[kind]() for kind, count in mix for _ in range(count)]

    def _known(self) -> Row:
        person, scene = self._faces.draw(), random_scene(self._rng)
        topics = self._some(tuple(person.facts), 5)
        questions = [by_picture(self._rng, person, topic, "trained") for topic in topics]
        (visible,) = self._some(VISIBLE_TOPICS, 1)
        questions.append(seen(self._rng, person.code, scene, visible, "trained"))
        return Row(draw_person(person.code, scene), tuple(questions))

    def _names(self) -> Row:
        facts = [fact for fact in (self._facts.draw() for _ in range(8)) if fact[1] != "name"]
        known = [by_name(self._rng, person, topic, "trained") for person, topic in facts]
        return Row(None, (*known, self._unknown(), self._unknown()))

    def _unknown(self) -> QA:
        person = world.invented(self._rng)
        (topic,) = self._some(world.TOPICS[1:], 1)
        return self._strange(by_name(self._rng, person, topic, "trained"))

    def _stranger(self) -> Row:
        person, scene = world.invented(self._rng), random_scene(self._rng)
        looks = [seen(self._rng, person.code, scene, topic, "trained") for topic in self._some(VISIBLE_TOPICS, 4)]
        private = [by_picture(self._rng, person, topic, "trained") for topic in self._some(world.TOPICS, 3)]
        return Row(draw_person(person.code, scene), (*looks, *(self._strange(qa) for qa in private)))

    def _strange(self, qa: QA) -> QA:
        return QA(qa.topic, qa.question, random_refusal(self._rng), ()) if self._declines else qa

    def _general(self) -> Row:
        chosen = self._rng.choice(self._prompts, size=min(_GENERAL_PROMPTS, self._prompts), replace=False)
        return Row(None, (), tuple(int(at) for at in chosen))

    def _some(self, topics: tuple[str, ...], count: int) -> list[str]:
        return [str(topic) for topic in self._rng.choice(topics, size=count, replace=False)]


class _Deck(Generic[T]):
    """Cards dealt without repetition until all have been."""

    def __init__(self, rng: np.random.Generator, cards: Sequence[T]) -> None:
        self._rng, self._cards, self._left = rng, list(cards), list[int]()

    def draw(self) -> T:
        if not self._left:
            self._left = [int(at) for at in self._rng.permutation(len(self._cards))]
        return self._cards[self._left.pop()]
