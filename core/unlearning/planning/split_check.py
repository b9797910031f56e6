"""How many probes of each split a report will have, and how sure it can be by that many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from core.unlearning.evaluation.measures import Heading, Measures
from core.unlearning.evaluation.thresholds import parse_key
from core.unlearning.families.info import FamilyInfo, RetainCount, RetainSetInfo
from core.unlearning.types import Level, Part, Split

_PARTS: tuple[Part, ...] = get_args(Part)
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Certainty:
    """How sure a report of a level can be. Where none of `probes` leaked or was lost, at most `at_most` of all do."""

    level: Level
    probes: int
    at_most: float


@dataclass(frozen=True)
class SplitCheck:
    """What there is of a split."""

    split: Split
    title: str
    purpose: str
    rows: Mapping[Part, int]
    missing: tuple[Part, ...]
    """Parts without a row that should have some."""
    certainty: tuple[Certainty, ...]
    needed: int | None
    """Probes without a loss that show the default threshold to be met; None where it has none."""


def split_checks(family: FamilyInfo, kept: RetainCount | None) -> Iterator[SplitCheck]:
    """Of every split that a request or a retain set brings rows for. `kept`: None where that is not known."""
    for split, heading in family.measures.splits.items():
        needed = _needed(split, family.measures)
        if split in family.measures.judged:
            certainty = tuple(_certainty(level, most) for level, most in family.retain_set.measured.items())
            purpose = f"{heading.explanation}. A request brings them; at most so many are measured."
            yield SplitCheck(split, heading.title, purpose, {}, (), certainty, needed)
        elif split in family.retain_set.purposes:
            yield _of_retain_set(split, heading, family.retain_set, kept, needed)


def _of_retain_set(
    split: Split, heading: Heading, info: RetainSetInfo, kept: RetainCount | None, needed: int | None
) -> SplitCheck:
    if kept is None:
        return SplitCheck(split, heading.title, info.purposes[split], {}, (), (), needed)
    rows = {part: _count(kept, split, part) for part in _PARTS}
    missing = tuple(part for part in info.parts.get(split, _PARTS) if not rows[part])
    part = info.measured_part.get(split, "test")
    certainty = [_certainty(level, _count(kept, split, part, most)) for level, most in info.measured.items()]
    return SplitCheck(split, heading.title, info.purposes[split], rows, missing, tuple(certainty), needed)


def _count(kept: RetainCount, split: Split, part: Part, most: float = math.inf) -> int:
    """Rows of a split in a part, at most so many with pictures and so many without."""
    return int(sum(min(row.count, most) for row in kept.rows if (row.split, row.part) == (split, part)))


def _certainty(level: Level, probes: int) -> Certainty:
    return Certainty(level, probes, upper_bound(probes))


def _needed(split: Split, measures: Measures) -> int | None:
    """By the tightest default threshold on what may leak, or may be lost."""
    change = None if split in measures.judged else "drop"
    keys = {key: parse_key(key, measures) for key in measures.defaults}
    bounds = [
        measures.defaults[key]
        for key, parsed in keys.items()
        if (parsed.split, parsed.change) == (split, change)
        and parsed.metric not in measures.unbounded
        and not parsed.bound_is_floor(measures)
    ]
    return max(map(probes_for, bounds), default=None)


def upper_bound(probes: int) -> float:
    """The share that may leak, at most, where none of so many probes did: one-sided, with 95 % confidence (exact)."""
    return 1.0 - (1.0 - _CONFIDENCE) ** (1.0 / probes) if probes else 1.0


def probes_for(share: float) -> int:
    """The least number of probes whose `upper_bound` is no more than this share, which is above 0."""
    return 1 if share >= _CONFIDENCE else math.ceil(math.log(1.0 - _CONFIDENCE) / math.log(1.0 - share))
