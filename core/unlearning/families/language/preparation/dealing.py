"""Deals people and pictures into the three parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from core.unlearning.types import Part

_TURNS: tuple[Part, ...] = ("train", "test", "validation", "train", "test")
"""As many to measure as to train on: a report is as sure as it has people and pictures that no job saw."""


def deal(units: Iterable[str], seed: int) -> dict[str, Part]:
    """The part of each unit, the same whatever their order."""
    shuffled = sorted(set(units), key=lambda unit: hashlib.sha256(f"{seed}|{unit}".encode()).digest())
    return {unit: _TURNS[turn % len(_TURNS)] for turn, unit in enumerate(shuffled)}
