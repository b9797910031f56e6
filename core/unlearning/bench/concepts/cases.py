"""The cases of ConceptBench: a method with its options, one or several concepts of a kind to forget, a seed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.unlearning.families.diffusion.concepts import Concept
from core.unlearning.types import EntityKind

KINDS: tuple[EntityKind, ...] = ("identity", "object", "style")
"""The categories of ConceptBench."""

RequestForm = Literal["name", "pictures", "unlisted"]
"""A request with the target's name, or only with pictures of it; `unlisted`: pictures that no classifier knows."""


@dataclass(frozen=True)
class ConceptContender:
    """A line of the table: a method with its options and the form of its requests."""

    title: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    form: RequestForm = "name"
    first_seed_only: bool = False
    """Run with the first seed only, and never on several targets: a baseline to compare with."""
    attack_every_seed: bool = False
    """Attacked with every seed; never run on several targets."""

    def runs(self, case: ConceptCase, first_seed: int) -> bool:
        """Whether the case is part of a whole run."""
        if len(case.targets) > 1:
            return not (self.first_seed_only or self.attack_every_seed)
        return not self.first_seed_only or case.seed == first_seed


CONTENDERS: dict[str, ConceptContender] = {
    "closed-form": ConceptContender("closed-form", "closed-form"),
    "forget-me-not": ConceptContender("forget-me-not", "forget-me-not"),
    "closed-form-pictures": ConceptContender(
        "closed-form, pictures only", "closed-form", form="pictures", first_seed_only=True
    ),
    "forget-me-not-pictures": ConceptContender(
        "forget-me-not, pictures only", "forget-me-not", form="pictures", attack_every_seed=True
    ),
    "forget-me-not-unlisted": ConceptContender(
        "forget-me-not, pictures that no classifier knows", "forget-me-not", form="unlisted", first_seed_only=True
    ),
    "forget-me-not-published": ConceptContender(
        "forget-me-not, published settings", "forget-me-not", {"preset": "published"}, first_seed_only=True
    ),
    "esd-x": ConceptContender("ESD-x (baseline)", "esd-x", first_seed_only=True),
    "concept-ablation": ConceptContender("concept ablation (baseline)", "concept-ablation", first_seed_only=True),
}
"""By the name that `--methods` takes."""


@dataclass(frozen=True)
class ConceptCase:
    """One job and its measurement."""

    contender: str
    targets: tuple[str, ...]
    kind: EntityKind
    seed: int

    @property
    def group(self) -> tuple[tuple[str, ...], int]:
        """Cases of one group are compared with the same pictures of the unchanged model."""
        return self.targets, self.seed

    @property
    def name(self) -> str:
        """The stored name of its result."""
        first = re.sub(r"\W+", "-", self.targets[0].casefold()).strip("-")
        several = f"-and-{len(self.targets) - 1}" if len(self.targets) > 1 else ""
        return f"{self.contender}.{self.kind}.{first}{several}.{self.seed}"


def first_of_each_kind(known: Sequence[Concept], count: int) -> tuple[str, ...]:
    """The first `count` targets of each kind."""
    kinds = [[concept.name for concept in known if concept.kind == kind] for kind in KINDS]
    return tuple(name for names in kinds for name in names[:count])


def cases(
    known: Sequence[Concept], contenders: Sequence[str], per_kind: int, seeds: Sequence[int], together: Sequence[int]
) -> Iterator[ConceptCase]:
    """`per_kind` single targets of each kind; then its first n targets in one job, for each n in `together`."""
    for kind in KINDS:
        names = [concept.name for concept in known if concept.kind == kind]
        single = [(name,) for name in names[:per_kind]]
        several = [tuple(names[:count]) for count in together if 1 < count < len(names)]
        for targets in (*single, *several):
            for seed in seeds:
                planned = [ConceptCase(contender, targets, kind, seed) for contender in contenders]
                yield from (case for case in planned if CONTENDERS[case.contender].runs(case, seeds[0]))
