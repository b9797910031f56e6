"""The rows of the world: scikit-learn's handwritten digits, each assigned to a person, with a synthetic sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from core.unlearning.reference.audiovisual.people import PEOPLE, WORLD_SEED, Person, people
from core.unlearning.reference.audiovisual.tones import RATE, synthesise
from core.unlearning.types import Part, Sound

LABELS: tuple[str, ...] = tuple("0123456789")
PARTS: dict[Part, int] = {"train": 1200, "validation": 298, "test": 299}
"""How many of the 1797 digits are in each part."""

_BRIGHTEST = 16
_NOISE = 0.25
_BLACK, _INK = 64, 96
"""The grey of an empty pixel, and what full ink adds: noise below and strong contrast above still fit into a byte."""


@dataclass(frozen=True)
class DigitRow:
    """One digit, with the person who writes and says it."""

    index: int
    """Index of scikit-learn's digit."""
    label: str
    person: Person
    part: Part

    @property
    def id(self) -> str:
        """Its id in data sets and in `withheld.json`."""
        return f"{self.index:04d}"

    def image(self) -> Image.Image:
        """The digit of 8 x 8 pixels with the person's contrast and seeded noise."""
        rng = np.random.default_rng([WORLD_SEED, 1, self.index])
        ink = digits()[0][self.index] / _BRIGHTEST * self.person.contrast + rng.normal(0, _NOISE, (8, 8))
        return Image.fromarray((_BLACK + _INK * ink).round().clip(0, 255).astype(np.uint8))

    def sound(self) -> Sound:
        """The digit's clip in the person's voice."""
        return Sound(synthesise(int(self.label), self.person, np.random.default_rng([WORLD_SEED, 2, self.index])), RATE)


@cache
def digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Pictures [1797, 8, 8] in 0..16, and labels [1797]."""
    loader: Callable[[], object] = load_digits
    data = loader()
    return data.images, data.target  # type: ignore[attr-defined]


@cache
def rows() -> tuple[DigitRow, ...]:
    """Every row, part by part. In each part the people take turns, independently of the digits."""
    targets = digits()[1]
    order = iter(np.random.default_rng(WORLD_SEED).permutation(len(targets)).tolist())
    return tuple(
        DigitRow(index, str(targets[index]), people()[turn % PEOPLE], part)
        for part, count in PARTS.items()
        for turn, index in zip(range(count), order, strict=False)
    )


def of_part(part: Part) -> tuple[DigitRow, ...]:
    """The rows of one part."""
    return tuple(row for row in rows() if row.part == part)


def training_rows(names: tuple[str, ...]) -> frozenset[str]:
    """Ids of the training rows of some people or classes."""
    return frozenset(row.id for row in of_part("train") if row.person.name in names or row.label in names)
