"""Draws people and shapes: 48 x 48 RGB pictures, anti-aliased by drawing at twice the size."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from core.unlearning.reference.mllm.looks import (
    CHEEKS,
    EARRINGS,
    EYES,
    HAIR,
    HAIR_LENGTH,
    HAIR_NAMES,
    LIPS,
    NOSE,
    PAINTS,
    SKIN,
    Code,
    Colour,
    Scene,
)

SIZE = 48
_ZOOM = 2


class _Brush:
    """Fills shapes given in picture coordinates, moved and scaled as the scene says."""

    def __init__(self, background: Colour, shift: tuple[float, float], scale: float, light: float) -> None:
        self._light = light
        self.canvas = Image.new("RGB", (SIZE * _ZOOM, SIZE * _ZOOM), self._lit(background))
        self._draw = ImageDraw.Draw(self.canvas)
        self._scale = _ZOOM * scale
        self._origin = tuple(_ZOOM * (SIZE / 2 * (1 - scale) + s) for s in shift)

    def _lit(self, colour: Colour) -> Colour:
        red, green, blue = (min(255, int(c * self._light)) for c in colour)
        return red, green, blue

    def _box(self, x: float, y: float, rx: float, ry: float) -> list[float]:
        (ox, oy), s = self._origin, self._scale
        return [ox + s * (x - rx), oy + s * (y - ry), ox + s * (x + rx), oy + s * (y + ry)]

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        self._draw.ellipse(self._box(x, y, rx, ry), fill=self._lit(colour))

    def ring(self, x: float, y: float, r: float, colour: Colour) -> None:
        self._draw.ellipse(self._box(x, y, r, r), outline=self._lit(colour), width=2)

    def bar(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        self._draw.rectangle(self._box(x, y, rx, ry), fill=self._lit(colour))

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        (ox, oy), s = self._origin, self._scale
        self._draw.polygon([(ox + s * x, oy + s * y) for x, y in points], fill=self._lit(colour))

    def finish(self) -> Image.Image:
        return self.canvas.reduce(_ZOOM)


def draw_person(code: Code, scene: Scene) -> Image.Image:
    """A portrait of the person with these identity attributes."""
    brush = _Brush(PAINTS[scene.background], scene.shift, scene.scale, scene.light)
    x = 24 + scene.head_shift
    hair = HAIR[HAIR_NAMES[code[1]]]
    brush.oval(24, 51, 17, 12, PAINTS[scene.shirt])
    _draw_hair(brush, x, hair, HAIR_LENGTH[code[7]])
    brush.oval(x, 25, 11, 13.5, SKIN[code[0]])
    brush.bar(x, 13.5, 8.5, 2.2, hair)
    _draw_features(brush, x, code, scene.gaze)
    if scene.glasses:
        _draw_glasses(brush, x)
    if scene.hat:
        brush.bar(x, 6, 9, 5, PAINTS[scene.hat_colour])
        brush.bar(x, 11, 13, 1.5, PAINTS[scene.hat_colour])
    return brush.finish()


def _draw_hair(brush: _Brush, x: float, colour: Colour, length: float) -> None:
    brush.oval(x, 21, 14, 14, colour)
    if length:
        for side in (-1, 1):
            brush.bar(x + 11.5 * side, 20 + length / 2, 3, length / 2, colour)


def _draw_features(brush: _Brush, x: float, code: Code, gaze: float) -> None:
    cheeks, earrings = CHEEKS[code[4]], EARRINGS[code[6]]
    for side in (-1, 1):
        brush.oval(x + 5 * side, 22, 3.4, 3.0, (255, 255, 255))
        brush.oval(x + 5 * side + gaze, 22, 2.4, 2.4, EYES[code[2]])
        if cheeks:
            brush.oval(x + 6.8 * side, 28.5, 2.8, 2.2, cheeks)
        if earrings:
            brush.oval(x + 13 * side, 29, 2.4, 2.8, earrings)
    brush.oval(x, 26.5, 2.2, 2.4, NOSE[code[5]])
    brush.oval(x, 33.2, 5.0, 2.2, LIPS[code[3]])


def _draw_glasses(brush: _Brush, x: float) -> None:
    for side in (-1, 1):
        brush.ring(x + 5 * side, 22, 4.4, (15, 15, 15))
    brush.bar(x, 22, 1.0, 0.5, (15, 15, 15))


def draw_shape(shape: str, colour: str, scene: Scene) -> Image.Image:
    """A picture without a person: one coloured shape before the scene's background."""
    brush = _Brush(PAINTS[scene.background], scene.shift, scene.scale, scene.light)
    paint = PAINTS[colour]
    if shape == "circle":
        brush.oval(24, 24, 15, 15, paint)
    elif shape == "square":
        brush.bar(24, 24, 14, 14, paint)
    elif shape == "triangle":
        brush.polygon([(24, 7), (40, 39), (8, 39)], paint)
    elif shape == "cross":
        brush.bar(24, 24, 16, 5, paint)
        brush.bar(24, 24, 5, 16, paint)
    else:
        brush.polygon(_star(), paint)
    return brush.finish()


def _star() -> list[tuple[float, float]]:
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2 == 0, 18.0, 7.5)
    return [(24 + float(r * np.cos(a)), 25 + float(r * np.sin(a))) for a, r in zip(angles, radii, strict=True)]
