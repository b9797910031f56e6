"""The content of a picture. A `Scene` is drawn by `drawing` and described by `captions`."""

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
    SOMETHING,
    STRANGER,
    STYLES,
    Kind,
)

_ALONE = 0.5
"""Share of pictures that show a character or a thing, not both."""
_PLAIN = 0.35
_UNNAMED = 0.1
"""Share of strangers among characters, and of unnamed things."""
_HARMFUL = 0.1
_HOMONYM = 0.05


@dataclass(frozen=True)
class Scene:
    """At most one character, thing (or harmful mark) and style. `homonym`: captioned by the ambiguous word."""

    character: str | None = None
    thing: str | None = None
    style: str | None = None
    homonym: bool = False

    def label(self, kind: Kind) -> str:
        """The label of a perfect classifier of this kind."""
        labels: dict[Kind, str | None] = {
            "identity": None if self.character == STRANGER else self.character,
            "object": None if self.thing in (HARMFUL, SOMETHING) else self.thing,
            "style": self.style,
            "concept": self.thing if self.thing == HARMFUL else None,
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
    character, thing = _random_character(rng), _random_thing(rng)
    if rng.random() < _ALONE:
        return Scene(character, None, style) if rng.random() < 0.5 else Scene(None, thing, style)
    return Scene(character, thing, style)


def _random_character(rng: np.random.Generator) -> str:
    return STRANGER if rng.random() < _UNNAMED else pick(rng, tuple(CHARACTERS))


def _random_thing(rng: np.random.Generator) -> str:
    if rng.random() < _HARMFUL:
        return HARMFUL
    return SOMETHING if rng.random() < _UNNAMED else pick(rng, OBJECTS)
