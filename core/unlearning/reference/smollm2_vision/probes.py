"""Probes on renderings and wordings that no model was trained on, by what they test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL.Image import Image

from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_scene
from core.unlearning.reference.mllm.wordings import Use
from core.unlearning.reference.smollm2_vision import people as world
from core.unlearning.reference.smollm2_vision.people import Person
from core.unlearning.reference.smollm2_vision.questions import QA, VISIBLE_TOPICS, by_name, by_picture, seen


@dataclass(frozen=True)
class Probe:
    """A question and the parts of its answer that carry the fact; `topic` is what it asks about."""

    topic: str
    question: str
    spans: tuple[str, ...]
    image: Image | None = None


class ProbeMaker:
    """Probes in the wordings of one use; every picture is a fresh rendering."""

    def __init__(self, use: Use, seed: int) -> None:
        self._use: Use = use
        self._rng = np.random.default_rng([seed, 11])

    def image_memory(self, people: Sequence[Person], renderings: int = 1) -> list[Probe]:
        """Every fact of each person by picture."""
        return [
            _probe(by_picture(self._rng, person, topic, self._use), self._portrait(person))
            for person in people
            for _ in range(renderings)
            for topic in person.facts
        ]

    def text_memory(self, people: Sequence[Person]) -> list[Probe]:
        """Every fact of each person by name."""
        topics = [(person, topic) for person in people for topic in person.facts if topic != "name"]
        return [_probe(by_name(self._rng, person, topic, self._use)) for person, topic in topics]

    def image_understanding(self, people: Sequence[Person], renderings: int = 1) -> list[Probe]:
        """All that is visible in a picture of each person."""
        probes = []
        for person in people:
            for _ in range(renderings):
                scene = random_scene(self._rng)
                image = draw_person(person.code, scene)
                for topic in VISIBLE_TOPICS:
                    probes.append(_probe(seen(self._rng, person.code, scene, topic, self._use), image))
        return probes

    def strangers(self, count: int) -> list[Person]:
        """People whom no model knows, for questions about them."""
        return [world.invented(self._rng, world.strange_name(self._rng, held_out=True)) for _ in range(count)]

    def _portrait(self, person: Person) -> Image:
        return draw_person(person.code, random_scene(self._rng))


def _probe(qa: QA, image: Image | None = None) -> Probe:
    return Probe(qa.topic, qa.question, qa.spans, image)
