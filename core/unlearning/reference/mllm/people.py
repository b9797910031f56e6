"""The people of the synthetic world: known people, never-trained people, strangers, and unknown names.

Everything is a function of `WORLD_SEED`; the training seed of a model changes nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from core.unlearning.reference.mllm.looks import ATTRIBUTES, Code, distances, random_code
from core.unlearning.reference.mllm.values import FACT_VALUES, FIRST_NAMES, LAST_NAMES

WORLD_SEED = 20
PEOPLE = 44
NEVER_TRAINED = 44
MIN_DISTANCE = 5
"""Known faces differ from each other in at least this many attributes."""
STRANGER_DISTANCE = 4

STANDARD_REQUESTS: tuple[tuple[int, ...], ...] = ((0,), (1, 2), (3, 4, 5, 6))
"""The standard forget requests: disjoint groups of one, two and four people (indices into `known_people()`)."""
STANDARD_PEOPLE: frozenset[int] = frozenset(i for group in STANDARD_REQUESTS for i in group)
RETAIN_TRAIN: tuple[int, ...] = (*range(7, 15), *range(35, PEOPLE))
"""People of the registered retain set that jobs learn to keep."""
RETAIN_VALIDATION: tuple[int, ...] = tuple(range(15, 19))
RETAIN_TEST: tuple[int, ...] = tuple(range(19, 35))


@dataclass(frozen=True)
class Person:
    """A fictitious person. `facts` holds every private fact by topic, the name included."""

    index: int
    name: str
    code: Code
    facts: dict[str, str]


def spread_codes(count: int, apart: int, rng: np.random.Generator, away_from: Sequence[Code] = ()) -> list[Code]:
    """`count` faces that differ pairwise (and from `away_from`) in at least `apart` attributes, greedily chosen."""
    chosen: list[Code] = []
    taken = np.asarray(away_from, dtype=np.int64).reshape(-1, len(ATTRIBUTES))
    for _ in range(2_000_000):
        if len(chosen) == count:
            return chosen
        code = random_code(rng)
        if not len(taken) or distances(code, taken).min() >= apart:
            chosen.append(code)
            taken = np.vstack([taken, code])
    raise ValueError(f"cannot find {count} faces that differ in {apart} attributes")


def _person(index: int, name: str, code: Code, rng: np.random.Generator) -> Person:
    facts = {topic: values[int(rng.integers(len(values)))] for topic, values in FACT_VALUES.items()}
    return Person(index, name, code, {"name": name, **facts})


@cache
def known_people() -> tuple[Person, ...]:
    """The people a reference model is trained on. No two share a first or a last name."""
    rng = np.random.default_rng(WORLD_SEED)
    codes = spread_codes(PEOPLE, MIN_DISTANCE, rng)
    firsts, lasts = rng.permutation(FIRST_NAMES)[:PEOPLE], rng.permutation(LAST_NAMES)[:PEOPLE]
    return tuple(_person(i, f"{firsts[i]} {lasts[i]}", codes[i], rng) for i in range(PEOPLE))


@cache
def never_trained_people() -> tuple[Person, ...]:
    """People of the same kind who are in no training data: the non-members of membership inference."""
    rng = np.random.default_rng(WORLD_SEED + 1)
    codes = spread_codes(NEVER_TRAINED, STRANGER_DISTANCE, rng, [p.code for p in known_people()])
    names = _name_parts()[2][:NEVER_TRAINED]
    return tuple(_person(PEOPLE + i, names[i], codes[i], rng) for i in range(NEVER_TRAINED))


def person_named(name: str) -> Person:
    """The known person of this name; raises `ValueError` when there is none."""
    for person in known_people():
        if person.name.casefold() == name.strip().casefold():
            return person
    raise ValueError("no such person in the reference world; `lethe reference sample mllm --list` prints all names")


@cache
def known_codes(excluded: frozenset[int] = frozenset()) -> npt.NDArray[np.int64]:
    """The faces of the known people as rows, without those `excluded`."""
    return np.asarray([p.code for p in known_people() if p.index not in excluded], dtype=np.int64)


def stranger(rng: np.random.Generator, excluded: frozenset[int] = frozenset()) -> Code:
    """A random face far from every known one. `excluded`: known people whom the model at hand never learned."""
    while True:
        code = random_code(rng)
        if distances(code, known_codes(excluded)).min() >= STRANGER_DISTANCE:
            return code


def lookalike(rng: np.random.Generator, excluded: frozenset[int] = frozenset()) -> Code:
    """A stranger who shares all but two or three attributes with a known person."""
    known = known_codes(excluded)
    code = known[int(rng.integers(len(known)))].copy()
    for at in rng.choice(len(ATTRIBUTES), size=int(rng.integers(2, 4)), replace=False):
        size = ATTRIBUTES[at][1]
        code[at] = (code[at] + rng.integers(1, size)) % size
    return tuple(int(v) for v in code)


@cache
def _name_parts() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Names of nobody known, in four disjoint groups: training, retain set, never-trained people, benchmarks."""
    known = {p.name for p in known_people()}
    grid = [f"{a} {b}" for a in FIRST_NAMES for b in LAST_NAMES]
    names = [str(n) for n in np.random.default_rng(WORLD_SEED + 2).permutation(grid) if n not in known]
    return tuple(names[600:]), tuple(names[:300]), tuple(names[300:400]), tuple(names[400:600])


def unknown_names(use: str) -> tuple[str, ...]:
    """Names of nobody known, for `use` = trained, held_out_a or held_out_b."""
    parts = _name_parts()
    return {"trained": parts[0], "held_out_a": parts[1], "held_out_b": parts[3]}[use]
