"""Random looks of strangers."""

from __future__ import annotations

from typing import get_args

import numpy as np

from core.unlearning.reference.diffusion.concepts import CHARACTERS, PAINTS, Body, HairShape, Hat, Look

_SKINS = ("light", "tan", "dark", "alien")
_COLOURS = tuple(name for name in PAINTS if name not in _SKINS)
_DIFFERENCES = 5


def any_look(rng: np.random.Generator) -> Look:
    """A random look that differs from every character's in at least `_DIFFERENCES` features."""
    while True:
        look = _random_look(rng)
        if all(differences(look, known) >= _DIFFERENCES for known in CHARACTERS.values()):
            return look


def differences(one: Look, other: Look) -> int:
    """The number of features in which two looks differ, without the hat's colour, since there may be no hat."""
    shared = [name for name in vars(one) if name != "hat_colour"]
    return sum(getattr(one, name) != getattr(other, name) for name in shared)


def _random_look(rng: np.random.Generator) -> Look:
    def pick(names: tuple[str, ...]) -> str:
        return names[int(rng.integers(len(names)))]

    shapes: tuple[HairShape, ...] = get_args(HairShape)
    hats: tuple[Hat, ...] = get_args(Hat)
    bodies: tuple[Body, ...] = get_args(Body)
    return Look(
        skin=pick(_SKINS),
        hair=pick(_COLOURS),
        hair_shape=shapes[int(rng.integers(len(shapes)))],
        hat=hats[int(rng.integers(len(hats)))],
        hat_colour=pick(_COLOURS),
        glasses=bool(rng.integers(2)),
        body=bodies[int(rng.integers(len(bodies)))],
        clothes=pick(_COLOURS),
    )
