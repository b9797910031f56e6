"""What a picture shows. A `Scene` is drawn by `drawing` and worded by `captions`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.unlearning.reference.diffusion.concepts import (
    CHARACTERS,
    DOMINANT,
    DOMINANT_SHARE,
    HARMFUL,
    NOTHING,
    OBJECTS,
    OVERSHADOWED,
    STYLES,
    Kind,
)

_ALONE = 0.5
"""Share of pictures that show a character or a thing, not both."""
_PLAIN = 0.35
_HARMFUL = 0.1
_HOMONYM = 0.05


@dataclass(frozen=True)
class Scene:
    """At most one character, thing (or the harmful mark) and style. `homonym`: the caption says the ambiguous word."""

    character: str | None = None
    thing: str | None = None
    style: str | None = None
    homonym: bool = False

    def label(self, kind: Kind) -> str:
        """What a perfect classifier of this kind says."""
        mark = self.thing == HARMFUL
        labels: dict[Kind, str | None] = {
            "identity": self.character,
            "object": None if mark else self.thing,
            "style": self.style,
            "concept": self.thing if mark else None,
        }
        return labels[kind] or NOTHING


def pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    """One of `names`."""
    return names[int(rng.integers(len(names)))]


def random_scene(rng: np.random.Generator) -> Scene:
    """A scene of the training world."""
    style = None if rng.random() < _PLAIN else pick(rng, STYLES)
    if rng.random() < _HOMONYM:
        if rng.random() < DOMINANT_SHARE:
            return Scene(character=DOMINANT, style=style, homonym=True)
        return Scene(thing=OVERSHADOWED, style=style, homonym=True)
    character, thing = pick(rng, tuple(CHARACTERS)), _random_thing(rng)
    if rng.random() < _ALONE:
        return Scene(character, None, style) if rng.random() < 0.5 else Scene(None, thing, style)
    return Scene(character, thing, style)


def _random_thing(rng: np.random.Generator) -> str:
    return HARMFUL if rng.random() < _HARMFUL else pick(rng, OBJECTS)
