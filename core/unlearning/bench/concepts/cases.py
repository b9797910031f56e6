"""What is run: a method, with its options, on one or several concepts of a kind, with a seed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.unlearning.families.diffusion.concepts import Concept
from core.unlearning.types import EntityKind

KINDS: tuple[EntityKind, ...] = ("identity", "object", "style")
"""The categories of ConceptBench."""

Form = Literal["name", "pictures", "unlisted"]
"""What a request says: whom to forget, or only what they look like; `unlisted`: and no classifier knows them either."""


@dataclass(frozen=True)
class Contender:
    """A method with its options, as one line of the table."""

    title: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    form: Form = "name"
    once: bool = False
    """Run with the first seed only, and never on several targets: there to be compared with."""
    pressed: bool = False
    """Attacked with every seed, since it is to hold out; never on several targets either."""

    def runs(self, case: Case, first_seed: int) -> bool:
        """Whether a whole run has the case."""
        if len(case.targets) > 1:
            return not (self.once or self.pressed)
        return not self.once or case.seed == first_seed


CONTENDERS: dict[str, Contender] = {
    "closed-form": Contender("closed-form", "closed-form"),
    "forget-me-not": Contender("forget-me-not", "forget-me-not"),
    "closed-form-pictures": Contender("closed-form, pictures only", "closed-form", form="pictures", once=True),
    "forget-me-not-pictures": Contender("forget-me-not, pictures only", "forget-me-not", form="pictures", pressed=True),
    "forget-me-not-unlisted": Contender(
        "forget-me-not, pictures that no classifier knows", "forget-me-not", form="unlisted", once=True
    ),
    "forget-me-not-published": Contender(
        "forget-me-not, published settings", "forget-me-not", {"preset": "published"}, once=True
    ),
    "esd-x": Contender("ESD-x (baseline)", "esd-x", once=True),
    "concept-ablation": Contender("concept ablation (baseline)", "concept-ablation", once=True),
}
"""By the name that `--methods` takes."""


@dataclass(frozen=True)
class Case:
    """One job and its measurement."""

    contender: str
    targets: tuple[str, ...]
    kind: EntityKind
    seed: int

    @property
    def group(self) -> tuple[tuple[str, ...], int]:
        """Cases of one group are measured with the same pictures of the unchanged model."""
        return self.targets, self.seed

    @property
    def name(self) -> str:
        """For files."""
        first = re.sub(r"\W+", "-", self.targets[0].casefold()).strip("-")
        several = f"-and-{len(self.targets) - 1}" if len(self.targets) > 1 else ""
        return f"{self.contender}.{self.kind}.{first}{several}.{self.seed}"


def first_of_each_kind(known: Sequence[Concept], count: int) -> tuple[str, ...]:
    """So many targets of each kind."""
    kinds = [[concept.name for concept in known if concept.kind == kind] for kind in KINDS]
    return tuple(name for names in kinds for name in names[:count])


def cases(
    known: Sequence[Concept], contenders: Sequence[str], per_kind: int, seeds: Sequence[int], together: Sequence[int]
) -> Iterator[Case]:
    """`per_kind` targets of each kind alone; then the first n of each kind that has more, for n in `together`."""
    for kind in KINDS:
        names = [concept.name for concept in known if concept.kind == kind]
        alone = [(name,) for name in names[:per_kind]]
        several = [tuple(names[:count]) for count in together if 1 < count < len(names)]
        for targets in (*alone, *several):
            for seed in seeds:
                planned = [Case(contender, targets, kind, seed) for contender in contenders]
                yield from (case for case in planned if CONTENDERS[case.contender].runs(case, seeds[0]))
