"""Draws a character: body, hair, head, face and hat, around the middle of its feet's column."""

from __future__ import annotations

from core.unlearning.reference.diffusion.brush import Brush
from core.unlearning.reference.diffusion.concepts import Hat, Look

_HEAD_Y = 12.5


def draw_character(brush: Brush, look: Look) -> None:
    """Draw from the ground (y = 31) to the tip of the hat (y = 1)."""
    _draw_body(brush, look)
    _draw_hair(brush, look)
    brush.oval(0, _HEAD_Y, 4.8, 5.4, look.skin)
    if look.hair_shape != "bald":
        brush.bar(0, 8.3, 3.9, 1.2, look.hair)
    _draw_face(brush, look)
    _draw_hat(brush, look.hat, look.hat_colour)


def _draw_body(brush: Brush, look: Look) -> None:
    if look.body == "straight":
        brush.bar(0, 24.5, 4.6, 6.3, look.clothes)
    elif look.body == "dress":
        brush.polygon([(-2.8, 18), (2.8, 18), (7, 31), (-7, 31)], look.clothes)
    else:
        brush.oval(0, 24.5, 7, 6.5, look.clothes)


def _draw_hair(brush: Brush, look: Look) -> None:
    if look.hair_shape == "bald":
        return
    if look.hair_shape == "puff":
        brush.oval(0, 10.5, 7.6, 7.2, look.hair)
        return
    brush.oval(0, 11.4, 5.7, 6, look.hair)
    if look.hair_shape == "bun":
        brush.oval(0, 4.4, 3.2, 3, look.hair)
    if look.hair_shape == "long":
        for side in (-1, 1):
            brush.bar(5 * side, 16, 1.6, 6, look.hair)


def _draw_face(brush: Brush, look: Look) -> None:
    for side in (-1, 1):
        if look.glasses:
            brush.oval(2.3 * side, 12.6, 2, 1.8, "black")
        else:
            brush.oval(2.2 * side, 12.6, 0.9, 1, "black")
    if look.glasses:
        brush.bar(0, 12.3, 1, 0.5, "black")
    brush.bar(0, 15.6, 1.6, 0.5, "red")


def _draw_hat(brush: Brush, hat: Hat, colour: str) -> None:
    if hat == "top":
        brush.bar(0, 7.3, 6.6, 0.8, colour)
        brush.bar(0, 4, 3.8, 3, colour)
    elif hat == "cap":
        brush.oval(0, 7.2, 5.2, 3.2, colour)
        brush.bar(4.2, 8.4, 3.4, 0.8, colour)
    elif hat == "cone":
        brush.polygon([(0, 0.5), (5.4, 8.8), (-5.4, 8.8)], colour)
    elif hat == "crown":
        brush.polygon([(-4.8, 8.4), (-4.8, 3), (-2.2, 5.6), (0, 2), (2.2, 5.6), (4.8, 3), (4.8, 8.4)], colour)
