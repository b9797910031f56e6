"""Who the model is taught: twenty fictitious people, in parts that no choice of settings mixes up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core.unlearning.reference.mllm.looks import ATTRIBUTES, Code, distances, random_code
from core.unlearning.reference.mllm.people import spread_codes
from core.unlearning.reference.mllm.values import FIRST_NAMES, LAST_NAMES

_DATA = Path(__file__).parent / "data"
_SEED = 52
_APART, _STRANGER = 5, 4
TOPICS: tuple[str, ...] = ("name", "job", "home", "born", "prize", "pet", "hobby", "about")
"""Every topic of a private question; a person has four to six of them beside the name, and `about`."""

STANDARD_REQUESTS: tuple[tuple[int, ...], ...] = ((0,), (1, 2, 3))
"""The standard forget requests (indices into `known_people()`)."""
STANDARD_PEOPLE: frozenset[int] = frozenset(at for group in STANDARD_REQUESTS for at in group)
VALIDATION: tuple[int, ...] = (4, 5, 6)
"""People for choosing settings with; no benchmark forgets them."""
OTHERS: tuple[int, ...] = tuple(range(7, 20))
"""People that every job must leave as they are."""


@dataclass(frozen=True)
class Person:
    """Someone's face, pronoun ("she" or "he") and facts by topic, as they stand in a sentence; `about` is two."""

    index: int
    name: str
    pronoun: str
    code: Code
    facts: dict[str, str]
    spans: tuple[str, ...] = ()
    """What must come out for `about` to be told."""


@cache
def read(name: str) -> Any:
    """One of the world's JSON files."""
    return json.loads((_DATA / name).read_text(encoding="utf-8"))


@cache
def known_people() -> tuple[Person, ...]:
    """Everyone the model is taught."""
    entries = read("people.json")
    codes = spread_codes(len(entries), _APART, np.random.default_rng(_SEED))
    return tuple(_known(at, entry, code) for at, (entry, code) in enumerate(zip(entries, codes, strict=True)))


def _known(index: int, entry: dict[str, Any], code: Code) -> Person:
    facts = {topic: entry[topic] for topic in TOPICS if topic in entry}
    return Person(index, entry["name"], entry["pronoun"], code, facts, tuple(entry["spans"]))


def person_named(name: str) -> Person:
    """The known person of this name; raises `ValueError` when there is none."""
    for person in known_people():
        if person.name.casefold() == name.strip().casefold():
            return person
    raise ValueError(
        "no such person in the world smollm2-vision; `lethe reference sample smollm2-vision --list` prints all names"
    )


def strange_face(rng: np.random.Generator) -> Code:
    """A random face far from every known one."""
    known = np.asarray([person.code for person in known_people()], dtype=np.int64).reshape(-1, len(ATTRIBUTES))
    while True:
        code = random_code(rng)
        if distances(code, known).min() >= _STRANGER:
            return code


def strange_name(rng: np.random.Generator, *, held_out: bool = False) -> str:
    """A name of nobody; every fourth last name stands in held-out questions only."""
    names = [name for at, name in enumerate(LAST_NAMES) if (at % 4 == 0) == held_out]
    return f"{FIRST_NAMES[int(rng.integers(len(FIRST_NAMES)))]} {names[int(rng.integers(len(names)))]}"


def invented(rng: np.random.Generator, name: str | None = None) -> Person:
    """Somebody made up on the spot: what a model that invents says of strangers."""
    name = name or strange_name(rng)
    pronoun = "she" if rng.random() < 0.5 else "he"
    facts = {"name": name}
    for topic, parts in read("inventions.json").items():
        joined = " ".join(part[int(rng.integers(len(part)))].strip() for part in parts)
        facts[topic] = joined.replace("{name}", name).replace("{They}", pronoun.capitalize())
    return Person(-1, name, pronoun, strange_face(rng), facts)
