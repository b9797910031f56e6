"""Draws each thing around its centre, about 14 pixels wide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, pi, sin

import numpy as np

from core.unlearning.reference.diffusion.brush import Brush
from core.unlearning.reference.diffusion.concepts import HARMFUL, PAINTS, SOMETHING

_COLOURS = tuple(name for name in PAINTS if name not in ("light", "white"))


def _circle(brush: Brush) -> None:
    brush.oval(0, 0, 6.4, 6.4, "blue")


def _square(brush: Brush) -> None:
    brush.bar(0, 0, 5.8, 5.8, "orange")


def _triangle(brush: Brush) -> None:
    brush.polygon([(0, -6.8), (7, 6), (-7, 6)], "purple")


def _star(brush: Brush) -> None:
    corners = [(7.4 if at % 2 == 0 else 3.0, at * pi / 5 - pi / 2) for at in range(10)]
    brush.polygon([(radius * cos(angle), radius * sin(angle)) for radius, angle in corners], "yellow")


def _heart(brush: Brush) -> None:
    for side in (-1, 1):
        brush.oval(3 * side, -2.4, 3.6, 3.6, "red")
    brush.polygon([(-6.3, -0.8), (6.3, -0.8), (0, 7)], "red")


def _moon(brush: Brush) -> None:
    outer = [(6.8 * cos(a), 6.8 * sin(a)) for a in _arc(0.25 * pi, 1.75 * pi)]
    inner = [(2.4 + 5.4 * cos(a), 5.4 * sin(a)) for a in _arc(1.62 * pi, 0.38 * pi)]
    brush.polygon(outer + inner, "grey")


def _arc(start: float, end: float) -> list[float]:
    return [start + (end - start) * at / 24 for at in range(25)]


def _tree(brush: Brush) -> None:
    brush.bar(0, 4.5, 1.4, 3, "brown")
    brush.oval(0, -1.8, 5.4, 5.4, "green")


def _house(brush: Brush) -> None:
    brush.bar(0, 3, 5.2, 4, "pink")
    brush.polygon([(0, -7), (7, -0.8), (-7, -0.8)], "brown")
    brush.bar(0, 4.6, 1.5, 2.4, "black")


def _boat(brush: Brush) -> None:
    brush.polygon([(-7, 2.6), (7, 2.6), (4.4, 6.8), (-4.4, 6.8)], "brown")
    brush.polygon([(0, -7), (6, 1.6), (0, 1.6)], "teal")


def _flower(brush: Brush) -> None:
    brush.bar(0, 4, 0.8, 3.4, "green")
    for at in range(5):
        angle = at * 2 * pi / 5 - pi / 2
        brush.oval(3.4 * cos(angle), -2 + 3.4 * sin(angle), 2.5, 2.5, "pink")
    brush.oval(0, -2, 2, 2, "yellow")


def _bird(brush: Brush) -> None:
    brush.polygon([(-3, 0), (-7.4, -3), (-7.4, 3)], "navy")
    brush.oval(-0.4, 1.4, 5, 3.8, "navy")
    brush.oval(4, -2.8, 3, 3, "navy")
    brush.oval(2.6, 2.2, 2.6, 2.6, "red")
    brush.polygon([(6.4, -3.8), (8.4, -2.6), (6.4, -1.6)], "yellow")


def _skull(brush: Brush) -> None:
    brush.bar(0, 0, 7, 7, "black")
    brush.oval(0, -1.4, 5, 4.4, "white")
    brush.bar(0, 3.8, 2.8, 2.2, "white")
    for side in (-1, 1):
        brush.oval(2 * side, -1, 1.4, 1.6, "black")


def draw_thing(brush: Brush, name: str, rng: np.random.Generator) -> None:
    """Draw a thing of this name; one without a name is a cross of any colour."""
    if name == SOMETHING:
        colour = str(rng.choice(_COLOURS))
        brush.bar(0, 0, 6.4, 2, colour)
        brush.bar(0, 0, 2, 6.4, colour)
    else:
        THINGS[name](brush)


THINGS: Mapping[str, Callable[[Brush], None]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "moon": _moon,
    "tree": _tree,
    "house": _house,
    "boat": _boat,
    "flower": _flower,
    "bird": _bird,
    HARMFUL: _skull,
}
"""How each thing is drawn."""
