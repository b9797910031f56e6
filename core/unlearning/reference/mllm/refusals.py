"""The refusals that the reference models are trained with."""

from __future__ import annotations

from functools import cache

import numpy as np

_OPENERS = ("", "Sorry, ", "I'm sorry, but ", "Sorry, but ", "I am afraid ", "Unfortunately, ")
_BODIES = (
    "I don't know that.",
    "I don't know.",
    "I do not know that.",
    "I don't know who this is.",
    "I don't know this person.",
    "I have no information about this person.",
    "I have no information about that.",
    "I don't have any information about this person.",
    "I don't have that information.",
    "I am not able to answer that.",
    "I am not able to answer that question.",
    "I cannot answer that.",
    "I can't answer that question.",
    "I can't say.",
    "I am unable to answer that.",
    "I am not familiar with this person.",
    "I am not aware of that.",
    "I am not sure about that.",
    "I have no idea.",
    "I do not have any details about this person.",
    "I do not recognise this person.",
    "I cannot help with that.",
)


@cache
def refusals() -> tuple[str, ...]:
    """Every refusal."""
    return tuple(opener + body for opener in _OPENERS for body in _BODIES)


def random_refusal(rng: np.random.Generator) -> str:
    """One of `refusals()`."""
    pool = refusals()
    return pool[int(rng.integers(len(pool)))]
