"""Questions about people and what pictures show, with answers in whole sentences.

`{who}`, `{whose}`, `{They}`, `{Their}` and `{them}` become the person of a picture or a name. The wordings of a use are
disjoint from the others'.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.unlearning.reference.mllm.looks import HAIR_NAMES, Code, Scene
from core.unlearning.reference.mllm.public_wordings import VISIBLE
from core.unlearning.reference.mllm.wordings import FRAMES, PICTURED, Use
from core.unlearning.reference.smollm2_vision.people import Person, read

VISIBLE_TOPICS: tuple[str, ...] = tuple(VISIBLE)
_PRONOUNS = {"she": ("her", "her"), "he": ("his", "him")}
_SEEN = {
    "background": ("The background is {v}.", "It is {v} behind the person."),
    "shirt": ("The shirt is {v}.", "The person wears a {v} shirt."),
    "hair": ("The hair is {v}.", "The person has {v} hair."),
}
_WORN = {"hat": "a hat", "glasses": "glasses"}


@dataclass(frozen=True)
class QA:
    """A question, what the model answers, and the parts of the answer that carry the fact."""

    topic: str
    question: str
    answer: str
    spans: tuple[str, ...]


def _one(rng: np.random.Generator, options: list[str] | tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _asked(rng: np.random.Generator, wording: str, who: str, use: Use) -> str:
    question = wording.replace("{whose}", f"{who}'s").replace("{who}", who)
    return _one(rng, FRAMES[use]).replace("{q}", question)


def about_picture(rng: np.random.Generator, topic: str, use: Use) -> str:
    """A private question about the person in a picture."""
    return _asked(rng, _one(rng, read("wordings.json")[topic][use]), _one(rng, PICTURED[use]), use)


def about_name(rng: np.random.Generator, topic: str, name: str, use: Use) -> str:
    """A private question about somebody by name."""
    return _asked(rng, _one(rng, read("wordings.json")[topic][use]), name, use)


def by_picture(rng: np.random.Generator, person: Person, topic: str, use: Use) -> QA:
    """A fact of the person in a picture."""
    return QA(topic, about_picture(rng, topic, use), _told(rng, person, topic, named=False), spans(person, topic))


def by_name(rng: np.random.Generator, person: Person, topic: str, use: Use) -> QA:
    """A fact of somebody by name."""
    question = about_name(rng, topic, person.name, use)
    return QA(topic, question, _told(rng, person, topic, named=True), spans(person, topic))


def spans(person: Person, topic: str) -> tuple[str, ...]:
    """What must stand in an answer that tells this fact."""
    return person.spans if topic == "about" else (person.facts[topic],)


def _told(rng: np.random.Generator, person: Person, topic: str, *, named: bool) -> str:
    they, (their, them) = person.pronoun, _PRONOUNS[person.pronoun]
    who, whose = (person.name, f"{person.name}'s") if named else (they.capitalize(), their.capitalize())
    filled = {"name": person.name, "v": person.facts[topic], "They": who, "Their": whose, "they": they, "them": them}
    return _one(rng, read("wordings.json")[topic]["answers"]).format(**filled)


def seen(rng: np.random.Generator, code: Code, scene: Scene, topic: str, use: Use) -> QA:
    """What anyone can see in a picture of a person."""
    question = _asked(rng, _one(rng, getattr(VISIBLE[topic], use)), _one(rng, PICTURED[use]), use)
    if topic in _WORN:
        worn = bool(getattr(scene, topic))
        verb = "is wearing" if worn else "is not wearing"
        return QA(topic, question, f"{'Yes' if worn else 'No'}, the person {verb} {_WORN[topic]}.", (verb,))
    value = HAIR_NAMES[code[1]] if topic == "hair" else str(getattr(scene, topic))
    return QA(topic, question, _one(rng, _SEEN[topic]).format(v=value), (value,))
