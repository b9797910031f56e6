"""Writes the retain set that is registered with the reference model: what any forget job must leave as it is.

`python -m core.unlearning.reference.mllm.retain_set` writes the one that comes with the package.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL.Image import Image

from core.unlearning.reference.mllm import people as world
from core.unlearning.reference.mllm.faces import draw_person, draw_shape
from core.unlearning.reference.mllm.looks import Code, Scene, random_scene
from core.unlearning.reference.mllm.people import RETAIN_TEST, RETAIN_TRAIN, RETAIN_VALIDATION, Person
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
from core.unlearning.reference.mllm.rows import random_shape
from core.unlearning.reference.mllm.wordings import Use
from core.unlearning.types import Part

_SEED = 41
_USE: dict[Part, Use] = {"train": "trained", "validation": "held_out_a", "test": "held_out_a"}
_PICTURES: dict[Part, int] = {"train": 4, "validation": 3, "test": 2}
_STRANGERS: dict[Part, int] = {"train": 170, "validation": 20, "test": 50}
_NAMES: dict[Part, slice] = {"train": slice(0, 170), "validation": slice(170, 200), "test": slice(200, 260)}
_SHAPES: dict[Part, int] = {"train": 40, "validation": 10, "test": 30}
_GENERAL: dict[Part, slice] = {"train": slice(0, None), "validation": slice(0, None, 2), "test": slice(0, None)}


@dataclass(frozen=True)
class RetainRow:
    """One line of `examples.jsonl`. An `answer` of None stands for whatever the model answers today."""

    group: str
    part: Part
    question: str
    answer: str | None
    image: str | None
    subject: str | None


class RetainSetWriter:
    """Collects rows and saves their pictures."""

    def __init__(self, out: Path, seed: int = _SEED) -> None:
        self._out = out
        self._rng = np.random.default_rng(seed)
        self._rows: list[RetainRow] = []
        self._pictures = 0
        (out / "images").mkdir(parents=True, exist_ok=True)

    def write(self) -> Path:
        """Write the whole folder."""
        known = world.known_people()
        parts: tuple[tuple[Part, tuple[int, ...]], ...] = (
            ("train", RETAIN_TRAIN),
            ("validation", RETAIN_VALIDATION),
            ("test", RETAIN_TRAIN + RETAIN_TEST),
        )
        for part, indices in parts:
            for index in indices:
                self._person(known[index], part)
            self._strangers(part)
            self._unknown_names(part)
            self._shapes(part)
            self._facts(part)
        lines = (json.dumps(asdict(row), ensure_ascii=False) for row in self._rows)
        (self._out / "examples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self._out

    def _add(self, group: str, part: Part, qa: QA, image: str | None = None, subject: str | None = None) -> None:
        answer = qa.answer or None
        self._rows.append(RetainRow(group, part, qa.question, answer, image, subject))

    def _save(self, picture: Image) -> str:
        self._pictures += 1
        path = f"images/{self._pictures:04d}.png"
        picture.save(self._out / path, optimize=True)
        return path

    def _portrait(self, code: Code) -> tuple[str, Scene]:
        scene = random_scene(self._rng)
        return self._save(draw_person(code, scene)), scene

    def _person(self, person: Person, part: Part) -> None:
        use, rng = _USE[part], self._rng
        for _ in range(_PICTURES[part]):
            image, scene = self._portrait(person.code)
            for topic in PRIVATE_TOPICS:
                self._add("memory", part, image_memory(person, topic, use, rng), image, person.name)
            for topic in VISIBLE_TOPICS:
                self._add("understanding", part, understanding(topic, person.code, scene, use, rng), image, person.name)
            for topic in TEXT_TOPICS:
                self._add("memory", part, text_memory(person, topic, use, rng), None, person.name)

    def _some(self, topics: Sequence[str], count: int) -> list[str]:
        return [str(topic) for topic in self._rng.choice(topics, size=count, replace=False)]

    def _strangers(self, part: Part) -> None:
        """Training rows take the model's own answers; the others are measured against what is drawn."""
        use, rng = _USE[part], self._rng
        for _ in range(_STRANGERS[part]):
            code = world.stranger(rng)
            image, scene = self._portrait(code)
            for topic in self._some(PRIVATE_TOPICS, 2):
                self._add("declined", part, QA(about_picture(topic, use, rng), ""), image)
            for topic in self._some(VISIBLE_TOPICS, 2 if part == "train" else len(VISIBLE_TOPICS)):
                qa = understanding(topic, code, scene, use, rng)
                self._add("stranger", part, QA(qa.question, "" if part == "train" else qa.answer), image)

    def _unknown_names(self, part: Part) -> None:
        for name in world.unknown_names("held_out_a")[_NAMES[part]]:
            for topic in self._some(TEXT_TOPICS, 2):
                self._add("declined", part, QA(about_name(topic, name, _USE[part], self._rng), ""))

    def _shapes(self, part: Part) -> None:
        for _ in range(_SHAPES[part]):
            shape, colour, scene = random_shape(self._rng)
            image = self._save(draw_shape(shape, colour, scene))
            for qa in shape_questions(shape, colour, scene, _USE[part], self._rng):
                self._add("general", part, qa, image)

    def _facts(self, part: Part) -> None:
        for fact in GENERAL_FACTS[_GENERAL[part]]:
            self._add("general", part, general(fact, _USE[part], self._rng))


if __name__ == "__main__":
    RetainSetWriter(Path(__file__).parent / "data" / "retain_set").write()
