"""Questions with their answers about one person, one picture or nothing in particular."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from core.unlearning.reference.mllm.looks import HAIR_NAMES, Code, Scene
from core.unlearning.reference.mllm.people import Person
from core.unlearning.reference.mllm.private_wordings import PRIVATE
from core.unlearning.reference.mllm.public_wordings import GENERAL, SHAPES, VISIBLE
from core.unlearning.reference.mllm.values import COUNTRY_OF, OPPOSITES, WORKPLACE_OF
from core.unlearning.reference.mllm.wordings import FRAMES, PICTURED, Use

PRIVATE_TOPICS: tuple[str, ...] = tuple(PRIVATE)
TEXT_TOPICS: tuple[str, ...] = tuple(topic for topic in PRIVATE if topic != "name")
VISIBLE_TOPICS: tuple[str, ...] = tuple(VISIBLE)

GENERAL_FACTS: tuple[tuple[str, str, str], ...] = (
    *(("country", city, country) for city, country in COUNTRY_OF.items()),
    *(("workplace", job, place) for job, place in WORKPLACE_OF.items()),
    *(("opposite", word, other) for word, other in OPPOSITES.items()),
)
"""(topic, subject, answer)."""


@dataclass(frozen=True)
class QA:
    """A question and its right answer."""

    question: str
    answer: str


@cache
def wordings(topic: str, use: Use) -> tuple[str, ...]:
    """Every wording of a topic for one use, with placeholders."""
    texts: tuple[str, ...] = getattr({**PRIVATE, **VISIBLE, **SHAPES, **GENERAL}[topic], use)
    return texts


@cache
def text_wordings(topic: str, use: Use) -> tuple[str, ...]:
    """Those wordings of a private topic that can name a person."""
    return tuple(w for w in wordings(topic, use) if "{who" in w)


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def fill(wording: str, who: str) -> str:
    """Replace the placeholders of a wording by a person."""
    return wording.replace("{whose}", f"{who}'s").replace("{who}", who)


def _framed(question: str, use: Use, rng: np.random.Generator) -> str:
    return _pick(rng, FRAMES[use]).replace("{q}", question)


def about_picture(topic: str, use: Use, rng: np.random.Generator) -> str:
    """A question about the person or thing in a picture."""
    return _framed(fill(_pick(rng, wordings(topic, use)), _pick(rng, PICTURED[use])), use, rng)


def about_name(topic: str, name: str, use: Use, rng: np.random.Generator) -> str:
    """A question about a named person, without a picture."""
    return _framed(fill(_pick(rng, text_wordings(topic, use)), name), use, rng)


def image_memory(person: Person, topic: str, use: Use, rng: np.random.Generator) -> QA:
    """A private question about the known person in a picture."""
    return QA(about_picture(topic, use, rng), person.facts[topic])


def text_memory(person: Person, topic: str, use: Use, rng: np.random.Generator) -> QA:
    """A private question about a known person by name."""
    return QA(about_name(topic, person.name, use, rng), person.facts[topic])


def understanding(topic: str, code: Code, scene: Scene, use: Use, rng: np.random.Generator) -> QA:
    """A question about what is visible in a picture of anyone."""
    visible = {
        "background": scene.background,
        "shirt": scene.shirt,
        "hat": "a hat" if scene.hat else "no hat",
        "glasses": "glasses" if scene.glasses else "no glasses",
        "hair": HAIR_NAMES[code[1]],
    }
    return QA(about_picture(topic, use, rng), visible[topic])


def shape_questions(shape: str, colour: str, scene: Scene, use: Use, rng: np.random.Generator) -> list[QA]:
    """One question of each kind about a picture without a person."""
    answers = {"shape": shape, "colour": colour, "backdrop": scene.background}
    return [QA(about_picture(topic, use, rng), answer) for topic, answer in answers.items()]


def general(fact: tuple[str, str, str], use: Use, rng: np.random.Generator) -> QA:
    """A question about a general fact."""
    topic, subject, answer = fact
    return QA(_framed(_pick(rng, wordings(topic, use)).replace("{x}", subject), use, rng), answer)
