"""Public figures whom SmolLM2-135M-Instruct knows by itself: facts that it tells in every wording given here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

_DATA = Path(__file__).parent / "data" / "figures.json"
Use = Literal["request", "validation", "test"]
"""Who asks in a wording: a request; whoever chooses settings; whoever judges the outcome."""


@dataclass(frozen=True)
class Fact:
    """A wording for each use, with `{who}` for the name, and the words by any of which an answer tells the fact."""

    wordings: Mapping[Use, str]
    spans: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """A public figure with facts by topic."""

    name: str
    facts: Mapping[str, Fact]

    def questions(self, use: Use) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """(topic, question, spans) of every fact."""
        for topic, fact in self.facts.items():
            yield topic, fact.wordings[use].replace("{who}", self.name), fact.spans


@cache
def figures() -> tuple[Figure, ...]:
    """Everyone."""
    return tuple(
        Figure(entry["name"], {t: _fact(f) for t, f in entry["facts"].items()})
        for entry in json.loads(_DATA.read_text(encoding="utf-8"))
    )


def _fact(entry: Mapping[str, list[str]]) -> Fact:
    request, validation, test = entry["wordings"]
    return Fact({"request": request, "validation": validation, "test": test}, tuple(entry["spans"]))


def figure_named(name: str) -> Figure:
    """The figure of this name; raises `ValueError` when there is none."""
    for figure in figures():
        if figure.name.casefold() == name.strip().casefold():
            return figure
    raise ValueError("no such figure in the world smollm2; `lethe reference sample smollm2 --list` prints all names")
