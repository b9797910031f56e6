"""Fills shapes in picture coordinates."""

from __future__ import annotations

from PIL import Image, ImageDraw

from core.unlearning.reference.diffusion.concepts import PAINTS

ZOOM = 4
"""Pictures are drawn at this many times their size and then reduced."""


class Brush:
    """Fills shapes around an origin. Lengths are in pixels of the finished picture; colours are names of `PAINTS`."""

    def __init__(self, canvas: Image.Image, origin: tuple[float, float], light: float) -> None:
        self._draw = ImageDraw.Draw(canvas)
        self._origin = origin
        self._light = light

    def oval(self, x: float, y: float, rx: float, ry: float, colour: str) -> None:
        self._draw.ellipse([*self._at(x - rx, y - ry), *self._at(x + rx, y + ry)], fill=self._paint(colour))

    def bar(self, x: float, y: float, rx: float, ry: float, colour: str) -> None:
        self._draw.rectangle([*self._at(x - rx, y - ry), *self._at(x + rx, y + ry)], fill=self._paint(colour))

    def polygon(self, points: list[tuple[float, float]], colour: str) -> None:
        self._draw.polygon([self._at(x, y) for x, y in points], fill=self._paint(colour))

    def _paint(self, colour: str) -> tuple[int, int, int]:
        red, green, blue = (min(255, int(c * self._light)) for c in PAINTS[colour])
        return red, green, blue

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return ZOOM * (self._origin[0] + x), ZOOM * (self._origin[1] + y)
