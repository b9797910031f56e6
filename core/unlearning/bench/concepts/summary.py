"""Results to rows: means over targets and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from core.unlearning.bench.concepts.cases import CONTENDERS, KINDS

Result = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One contender on so many concepts at once; `measures` as (mean, standard deviation) by name.

    `harmful`: of none of the categories of ConceptBench.
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


def rows(results: Sequence[Result]) -> list[Row]:
    """In the order in which the results come."""
    groups: dict[tuple[str, int, bool], list[Result]] = {}
    for result in results:
        key = (result["contender"], len(result["targets"]), result["kind"] not in KINDS)
        groups.setdefault(key, []).append(result)
    return [_row(*key, members) for key, members in groups.items()]


def mean_of(results: Sequence[Result], *path: str) -> tuple[float, float] | None:
    """Mean and standard deviation of what stands there, where it stands anywhere."""
    found = [value for result in results if (value := _at(result, path)) is not None]
    if not found:
        return None
    return fmean(found), stdev(found) if len(found) > 1 else 0.0


def _row(contender: str, together: int, harmful: bool, members: Sequence[Result]) -> Row:
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
    return Row(
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
