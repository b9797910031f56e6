"""What is forgotten, and everything that the models are asked about it. Taken from the world, not from the service."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from core.unlearning.reference.audiovisual.people import STANDARD_CLASS, STANDARD_REQUESTS, people
from core.unlearning.reference.audiovisual.rows import Row, of_part, training_rows
from core.unlearning.types import Entity, Example, JobData, Part, Split


@dataclass(frozen=True)
class Scenario:
    """A request to forget what was seen of some people, or of a class."""

    name: str
    entity: Entity

    @property
    def withheld(self) -> frozenset[str]:
        """Ids of the training rows whose pictures a retrained reference never sees."""
        return training_rows(self.entity.names)

    def about(self, row: Row) -> bool:
        """Whether the row is of who or what is forgotten."""
        return {row.person.name, row.label} & set(self.entity.names) != set()


def scenarios() -> tuple[Scenario, Scenario]:
    """Four of the sixty people, and one of the ten classes."""
    first, *others = (people()[at].name for at in STANDARD_REQUESTS[-1])
    return (
        Scenario("subjects", Entity(first, "identity", tuple(others))),
        Scenario("class", Entity(STANDARD_CLASS, "class")),
    )


@cache
def data(scenario: Scenario) -> JobData:
    """What a job has: its stop rule looks at the validation part alone."""
    return JobData(
        train=(*_of(scenario, "train", "forget_examples", True), *_of(scenario, "train", "retain_examples", False)),
        validation=_of(scenario, "validation", "held_out", False),
        test=(),
        entity=scenario.entity,
    )


@cache
def asked(scenario: Scenario) -> dict[Split, tuple[Example, ...]]:
    """What the outcome is measured on. Of the forgotten, both parts that nobody trained on: there are few of them."""
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
def _example(row: Row, split: Split) -> Example:
    return Example(split, "", row.label, row.image(), row.person.name, audio=row.sound())
