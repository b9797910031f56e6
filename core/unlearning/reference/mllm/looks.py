"""Looks of faces. A `Code`, one value per identity attribute, identifies a person; the rest of a picture varies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Colour: TypeAlias = tuple[int, int, int]
Code: TypeAlias = tuple[int, ...]

SKIN: tuple[Colour, ...] = (
    (255, 222, 190), (225, 172, 120), (176, 116, 72), (110, 68, 44), (196, 206, 150), (240, 180, 190),
)  # fmt: skip
HAIR: dict[str, Colour] = {
    "black": (24, 22, 28),
    "blonde": (240, 210, 90),
    "red": (196, 52, 28),
    "white": (238, 238, 240),
    "blue": (50, 80, 210),
    "green": (40, 150, 70),
}
EYES: tuple[Colour, ...] = ((30, 110, 230), (40, 160, 60), (110, 60, 20), (150, 60, 200), (230, 150, 20))
LIPS: tuple[Colour, ...] = ((200, 30, 50), (120, 30, 110), (240, 130, 40), (60, 40, 40), (250, 250, 250))
CHEEKS: tuple[Colour | None, ...] = (None, (240, 70, 90), (240, 190, 40), (90, 130, 220), (90, 40, 30))
NOSE: tuple[Colour, ...] = ((90, 50, 40), (230, 60, 60), (250, 240, 220), (60, 90, 200), (70, 160, 90))
EARRINGS: tuple[Colour | None, ...] = (None, (255, 205, 30), (220, 40, 160), (30, 200, 210), (20, 20, 20))
HAIR_LENGTH: tuple[float, ...] = (0.0, 8.0, 18.0)

ATTRIBUTES: tuple[tuple[str, int], ...] = (
    ("skin", len(SKIN)),
    ("hair", len(HAIR)),
    ("eyes", len(EYES)),
    ("lips", len(LIPS)),
    ("cheeks", len(CHEEKS)),
    ("nose", len(NOSE)),
    ("earrings", len(EARRINGS)),
    ("length", len(HAIR_LENGTH)),
)
"""The identity attributes in the order of a `Code`, each with its number of values."""

PAINTS: dict[str, Colour] = {
    "red": (215, 45, 45),
    "orange": (245, 140, 30),
    "yellow": (245, 220, 60),
    "green": (60, 165, 75),
    "blue": (50, 95, 215),
    "purple": (135, 60, 170),
    "pink": (245, 150, 195),
    "grey": (135, 135, 140),
}
PAINT_NAMES: tuple[str, ...] = tuple(PAINTS)
HAIR_NAMES: tuple[str, ...] = tuple(HAIR)
SHAPE_NAMES: tuple[str, ...] = ("circle", "square", "triangle", "star", "cross")


@dataclass(frozen=True)
class Scene:
    """What varies between two pictures of one person. Lengths are in pixels of the 48-pixel picture."""

    background: str
    shirt: str
    hat: bool
    glasses: bool
    hat_colour: str
    shift: tuple[float, float]
    head_shift: float
    scale: float
    gaze: float
    light: float


def _pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


def random_scene(rng: np.random.Generator) -> Scene:
    """A fresh background, clothes, pose and light."""
    dx, dy, head, gaze = rng.uniform(-1, 1, 4)
    background, shirt = (str(name) for name in rng.choice(PAINT_NAMES, size=2, replace=False))
    return Scene(
        background=background,
        shirt=shirt,
        hat=bool(rng.random() < 0.5),
        glasses=bool(rng.random() < 0.5),
        hat_colour=_pick(rng, PAINT_NAMES),
        shift=(2.5 * float(dx), 2.0 * float(dy)),
        head_shift=1.0 * float(head),
        scale=float(rng.uniform(0.94, 1.06)),
        gaze=0.6 * float(gaze),
        light=float(rng.uniform(0.94, 1.06)),
    )


def random_code(rng: np.random.Generator) -> Code:
    """A face drawn uniformly from all faces."""
    return tuple(int(rng.integers(size)) for _, size in ATTRIBUTES)


def distances(code: Code, others: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """In how many attributes `code` differs from each row of `others` (Hamming distance)."""
    return np.asarray(np.count_nonzero(others != np.asarray(code), axis=1), dtype=np.int64)
