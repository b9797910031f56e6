"""Drawn pictures for models that are registered without general pictures."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

_COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "black", "white", "gray", "brown")
QUESTIONS = (
    "What is shown in this picture?",
    "What shape is this?",
    "What colour is the shape?",
    "What colour is the background?",
    "Is there a person in this picture?",
)


def drawings(count: int, rng: random.Random, size: int = 224) -> list[Image.Image]:
    """Pictures of one or two coloured shapes on a plain background."""
    return [_drawing(rng, size) for _ in range(count)]


def _drawing(rng: random.Random, size: int) -> Image.Image:
    colours = rng.sample(_COLOURS, 3)
    picture = Image.new("RGB", (size, size), colours[0])
    pen = ImageDraw.Draw(picture)
    for colour in colours[1 : rng.choice((2, 3))]:
        _shape(pen, colour, rng, size)
    return picture


def _shape(pen: ImageDraw.ImageDraw, colour: str, rng: random.Random, size: int) -> None:
    left, top = (rng.randrange(size // 8, size // 2) for _ in range(2))
    side = rng.randrange(size // 4, size // 2)
    box = (left, top, left + side, top + side)
    kind = rng.choice(("square", "circle", "triangle"))
    if kind == "square":
        pen.rectangle(box, fill=colour)
    elif kind == "circle":
        pen.ellipse(box, fill=colour)
    else:
        pen.polygon([(left, top + side), (left + side, top + side), (left + side // 2, top)], fill=colour)
