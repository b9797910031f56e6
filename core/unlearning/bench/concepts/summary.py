"""From results to the rows of a table: means over targets and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from core.unlearning.bench.concepts.cases import CONTENDERS, KINDS
from core.unlearning.bench.store import Result


@dataclass(frozen=True)
class ConceptRow:
    """One contender on `together` targets at once; `measures`: (mean, standard deviation) by name.

    `harmful`: a concept outside ConceptBench's categories.
    """

    title: str
    contender: str
    together: int
    harmful: bool
    count: int
    measures: dict[str, tuple[float, float]]
    seconds: float
    processor_seconds: float
    size: int
    """The largest."""


def summary_rows(results: Sequence[Result]) -> list[ConceptRow]:
    """In the order of the results."""
    groups: dict[tuple[str, int, bool], list[Result]] = {}
    for result in results:
        key = (result["contender"], len(result["targets"]), result["kind"] not in KINDS)
        groups.setdefault(key, []).append(result)
    return [_row(*key, members) for key, members in groups.items()]


def mean_of(results: Sequence[Result], *path: str) -> tuple[float, float] | None:
    """Mean and standard deviation of the values at that path of keys; None where no result has one."""
    values = [value for result in results if (value := _at(result, path)) is not None]
    if not values:
        return None
    return fmean(values), stdev(values) if len(values) > 1 else 0.0


def _row(contender: str, together: int, harmful: bool, members: Sequence[Result]) -> ConceptRow:
    paths = [
        ("ua",),
        ("ua_indirect",),
        ("ira",),
        ("cra",),
        ("base", "ua"),
        ("base", "ira"),
        ("base", "cra"),
        ("specificity",),
    ]
    paths += [("attacks", name) for name in dict.fromkeys(key for m in members for key in m["attacks"])]
    paths += [("m_score", name) for name in ("drop", "control_drop")]
    paths += [("m_score", when, what) for when in ("before", "after") for what in ("score", "loss", "recovered")]
    paths += [(kind, split) for kind in ("distance", "clip_score") for split in ("retain_same", "retain_cross")]
    measures = {" ".join(path): mean for path in paths if (mean := mean_of(members, *path)) is not None}
    return ConceptRow(
        CONTENDERS[contender].title,
        contender,
        together,
        harmful,
        len(members),
        measures,
        max(m["details"].get("method_seconds", m["seconds"]) for m in members),
        max(m["processor_seconds"] for m in members),
        max(m["bytes"] for m in members),
    )


def _at(result: Result, path: Sequence[str]) -> float | None:
    value: Any = result
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return None if value is None else float(value)
