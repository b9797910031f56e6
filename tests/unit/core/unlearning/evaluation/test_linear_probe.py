"""Linear probes find what is written in hidden states, and nothing where nothing is."""

from __future__ import annotations

import numpy as np

from core.unlearning.evaluation.linear_probe import States, probe

CITIES = ("lisbon", "oslo", "lima", "cairo")


def _people(count: int, *, written: bool, seed: int = 0, each: int = 3) -> States:
    """Three states of each person; where `written`, the city is a direction of its own."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(0, 1, (len(CITIES), 32))
    groups = [f"person {n}" for n in range(count) for _ in range(each)]
    labels = [CITIES[n % len(CITIES)] for n in range(count) for _ in range(each)]
    values = rng.normal(0, 0.3, (len(groups), 32))
    if written:
        values += np.stack([directions[CITIES.index(label)] for label in labels])
    return States(values, labels, groups)


def test_what_is_written_is_read() -> None:
    found = probe(_people(16, written=True), _people(8, written=True, seed=1))
    assert found is not None
    assert found.held_out > 0.95
    assert found.forgotten > 0.95
    assert found.count == 24


def test_what_was_erased_is_not() -> None:
    found = probe(_people(16, written=True), _people(40, written=False, seed=1))
    assert found is not None
    assert found.held_out > 0.95
    assert found.forgotten < 0.5


def test_a_probe_that_learned_whom_and_not_what_is_not_valid() -> None:
    """Each person has a direction, and no city has: the left-out people are guessed."""
    people = _people(20, written=False)
    own = np.random.default_rng(5).normal(0, 3, (20, 32))
    values = np.stack([own[int(group.split()[1])] for group in people.groups])
    found = probe(States(values, people.labels, people.groups), _people(8, written=False, seed=2))
    assert found is not None
    assert found.held_out < 0.6


def test_labels_that_nobody_else_has_are_not_asked() -> None:
    others, one = _people(8, written=True), _people(1, written=True, seed=3)
    assert probe(others, States(one.values, ["atlantis"] * 3, one.groups)) is None
    mixed = States(one.values, ["atlantis", *one.labels[:2]], one.groups)
    found = probe(others, mixed)
    assert found is not None
    assert found.count == 2


def test_too_few_people_say_nothing() -> None:
    assert probe(_people(3, written=True), _people(3, written=True)) is None
