"""Scenarios: what is forgotten, the data of the job, and evaluation examples from the world instead of the service."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from core.unlearning.reference.audiovisual.people import STANDARD_CLASS, STANDARD_REQUESTS, people
from core.unlearning.reference.audiovisual.rows import DigitRow, of_part, training_rows
from core.unlearning.types import Entity, Example, JobData, Part, Split


@dataclass(frozen=True)
class Scenario:
    """A request to forget the pictures of some people, or of a class."""

    name: str
    entity: Entity

    @property
    def withheld(self) -> frozenset[str]:
        """Ids of the training rows whose pictures a retrained reference never sees."""
        return training_rows(self.entity.names)

    def about(self, row: DigitRow) -> bool:
        """Whether the row belongs to what is forgotten."""
        return {row.person.name, row.label} & set(self.entity.names) != set()


def scenarios() -> tuple[Scenario, Scenario]:
    """Four of the sixty people, and one of the ten classes."""
    first, *others = (people()[at].name for at in STANDARD_REQUESTS[-1])
    return (
        Scenario("subjects", Entity(first, "identity", tuple(others))),
        Scenario("class", Entity(STANDARD_CLASS, "class")),
    )


@cache
def job_data(scenario: Scenario) -> JobData:
    """The data of a job; its stop rule uses the validation part alone."""
    return JobData(
        train=(*_of(scenario, "train", "forget_examples", True), *_of(scenario, "train", "retain_examples", False)),
        validation=_of(scenario, "validation", "held_out", False),
        test=(),
        entity=scenario.entity,
    )


@cache
def evaluation_examples(scenario: Scenario) -> dict[Split, tuple[Example, ...]]:
    """Examples by split. Held-out forgotten examples are few, so they come from the validation and the test part."""
    unseen = [*_of(scenario, "validation", "forget_held_out", True), *_of(scenario, "test", "forget_held_out", True)]
    return {
        "forget_examples": _of(scenario, "train", "forget_examples", True),
        "forget_held_out": tuple(unseen),
        "retain_examples": _of(scenario, "train", "retain_examples", False),
        "held_out": _of(scenario, "test", "held_out", False),
    }


def _of(scenario: Scenario, part: Part, split: Split, forgotten: bool) -> tuple[Example, ...]:
    return tuple(_example(row, split) for row in of_part(part) if scenario.about(row) == forgotten)


@cache
def _example(row: DigitRow, split: Split) -> Example:
    return Example(split, "", row.label, row.image(), row.person.name, audio=row.sound())
