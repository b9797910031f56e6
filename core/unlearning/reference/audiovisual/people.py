"""The data subjects of the world: each has a name, a way of writing and a voice. All of them are invented.

Everything is a function of `WORLD_SEED`; the training seed of a model changes nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from core.unlearning.reference.mllm.values import FIRST_NAMES, LAST_NAMES

WORLD_SEED = 5
PEOPLE = 60
STANDARD_REQUESTS: tuple[tuple[int, ...], ...] = ((0,), (1, 2), (3, 4, 5, 6))
"""The standard forget requests: disjoint groups of one, two and four people (indices into `people()`)."""
STANDARD_CLASS = "3"
"""And the class that is forgotten as a whole."""

_PITCH_SPREAD = 0.045
_CONTRAST = (0.7, 1.3)
_TILT = (0.5, 1.5)


@dataclass(frozen=True)
class Person:
    """A data subject."""

    index: int
    name: str
    contrast: float
    """Of what they write."""
    pitch: float
    """Factor of every frequency of their voice."""
    tilt: float
    """Loudness of the high tone, where the low one has 1."""


@cache
def people() -> tuple[Person, ...]:
    """Everyone, in the order of their indices."""
    rng = np.random.default_rng(WORLD_SEED)
    return tuple(
        Person(
            index=at,
            name=_name(at),
            contrast=float(rng.uniform(*_CONTRAST)),
            pitch=float(np.exp(rng.normal(0, _PITCH_SPREAD))),
            tilt=float(rng.uniform(*_TILT)),
        )
        for at in range(PEOPLE)
    )


def _name(at: int) -> str:
    return f"{FIRST_NAMES[at]} {LAST_NAMES[7 * at % len(LAST_NAMES)]}"


def person_named(name: str) -> Person:
    """The person of that name; raises `ValueError` where nobody has it."""
    for person in people():
        if person.name.casefold() == name.casefold():
            return person
    raise ValueError("nobody in the audio-visual world has that name")
