"""Draws words of the lists."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

IsTaken = Callable[[str], bool]
"""Whether a word may not be drawn."""


def choose(words: Sequence[str], rng: random.Random, is_taken: IsTaken) -> str | None:
    """One that is not taken; nothing where all are."""
    return next((word for word in rng.sample(words, len(words)) if not is_taken(word)), None)
