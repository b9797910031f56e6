"""How many probes of each split a report will have, and how sure it can be by that many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from core.unlearning.evaluation.evidence import CONFIDENCE, enough
from core.unlearning.evaluation.measures import Heading, Measures
from core.unlearning.evaluation.thresholds import parse_key
from core.unlearning.families.info import FamilyInfo, RetainCount, RetainSetInfo
from core.unlearning.types import Level, Part, Split

_PARTS: tuple[Part, ...] = get_args(Part)
_PROBE = "probe"


@dataclass(frozen=True)
class Certainty:
    """How sure a report of a level can be: where none of its probes leaks or is lost, at most `at_most` of all do.

    `clusters`: see `RetainedRows`. `needed`: so many of them show the default thresholds to be met; None where there is
    no threshold. What a request brings has no `clusters` yet, and no `at_most`.
    """

    level: Level
    probes: int
    clusters: int | None
    at_most: float | None
    needed: int | None


@dataclass(frozen=True)
class SplitCheck:
    """What there is of a split."""

    split: Split
    title: str
    purpose: str
    unit: str
    """What its probes are clustered by."""
    rows: Mapping[Part, int]
    missing: tuple[Part, ...]
    """Parts without a row that should have some."""
    certainty: tuple[Certainty, ...]


def split_checks(family: FamilyInfo, kept: RetainCount | None) -> Iterator[SplitCheck]:
    """Of every split that a request or a retain set brings rows for. `kept`: None where that is not known."""
    for split, heading in family.measures.splits.items():
        if split in family.measures.judged:
            yield _of_request(split, heading, family)
        elif split in family.retain_set.purposes:
            yield _of_retain_set(split, heading, family, kept)


def _of_request(split: Split, heading: Heading, family: FamilyInfo) -> SplitCheck:
    certainty = tuple(
        Certainty(level, most, None, None, _needed(split, family.measures, level))
        for level, most in family.retain_set.measured.items()
    )
    purpose = f"{heading.explanation}. A request brings them; at most so many are measured."
    return SplitCheck(split, heading.title, purpose, _unit(split, family), {}, (), certainty)


def _of_retain_set(split: Split, heading: Heading, family: FamilyInfo, kept: RetainCount | None) -> SplitCheck:
    info, unit = family.retain_set, _unit(split, family)
    if kept is None:
        return SplitCheck(split, heading.title, info.purposes[split], unit, {}, (), ())
    rows = {part: sum(row.count for row in kept.rows if (row.split, row.part) == (split, part)) for part in _PARTS}
    missing = tuple(part for part in info.parts.get(split, _PARTS) if not rows[part])
    certainty = tuple(_certainty(split, info, kept, level, family.measures) for level in info.measured)
    return SplitCheck(split, heading.title, info.purposes[split], unit, rows, missing, certainty)


def _certainty(split: Split, info: RetainSetInfo, kept: RetainCount, level: Level, measures: Measures) -> Certainty:
    """A report measures at most so many rows with pictures, and so many without."""
    part, most = info.measured_part.get(split, "test"), info.measured[level]
    rows = [row for row in kept.rows if (row.split, row.part) == (split, part)]
    clusters = sum(min(row.clusters, most) for row in rows)
    probes = sum(min(row.count, most) for row in rows)
    return Certainty(level, probes, clusters, least_upper_bound(clusters), _needed(split, measures, level))


def _unit(split: Split, family: FamilyInfo) -> str:
    unit = family.measures.units.get(split)
    return unit.one if unit else _PROBE


def _needed(split: Split, measures: Measures, level: Level) -> int | None:
    """By the tightest default threshold on what may leak, or may be lost."""
    change = "upper" if split in measures.judged else "drop"
    defaults = {**measures.defaults, **measures.by_level.get(level, {})}
    keys = {key: parse_key(key, measures) for key in defaults}
    bounds = [
        enough(defaults[key])
        for key, parsed in keys.items()
        if (parsed.split, parsed.change) == (split, change) and parsed.metric not in measures.unbounded
    ]
    return max((bound for bound in bounds if bound is not None), default=None)


def least_upper_bound(clusters: int) -> float:
    """The share that may fail where none of so many clusters does, at most, at `CONFIDENCE`.

    What `evidence.upper_bound` comes to for a share of 0.
    """
    return 1.0 - math.pow(1.0 - CONFIDENCE, 1.0 / clusters) if clusters else 1.0
