"""Draws scenes: 32 x 32 RGB pictures, anti-aliased, with the style applied last."""

from __future__ import annotations

import numpy as np
from PIL import Image

from core.unlearning.reference.diffusion.brush import ZOOM, Brush
from core.unlearning.reference.diffusion.concepts import CHARACTERS, STRANGER, Colour
from core.unlearning.reference.diffusion.figures import draw_character
from core.unlearning.reference.diffusion.looks import any_look
from core.unlearning.reference.diffusion.scenes import Scene
from core.unlearning.reference.diffusion.styles import apply_style
from core.unlearning.reference.diffusion.things import draw_thing

SIZE = 32
_BACKGROUNDS: tuple[Colour, ...] = ((246, 240, 222), (216, 232, 246), (222, 240, 220), (232, 226, 240))
_CHARACTER_X, _THING_X, _MIDDLE_X = 8.5, 24.0, 16.0
_THING_Y = 18.0
_JITTER = 1.0


def draw(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """The scene before one of a few backgrounds, in slightly varying places and light."""
    light = float(rng.uniform(0.94, 1.04))
    canvas = Image.new("RGB", (SIZE * ZOOM, SIZE * ZOOM), _BACKGROUNDS[int(rng.integers(len(_BACKGROUNDS)))])
    both = scene.character is not None and scene.thing is not None
    if scene.character is not None:
        brush = Brush(canvas, _place(_CHARACTER_X if both else _MIDDLE_X, 0.0, rng), light)
        draw_character(brush, any_look(rng) if scene.character == STRANGER else CHARACTERS[scene.character])
    if scene.thing is not None:
        brush = Brush(canvas, _place(_THING_X if both else _MIDDLE_X, _THING_Y, rng), light)
        draw_thing(brush, scene.thing, rng)
    return apply_style(canvas.reduce(ZOOM), scene.style)


def _place(x: float, y: float, rng: np.random.Generator) -> tuple[float, float]:
    dx, dy = rng.uniform(-_JITTER, _JITTER, 2)
    return x + float(dx), y + float(dy)
