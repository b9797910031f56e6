"""From results to the rows of a leaderboard: means over seeds, best first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from core.unlearning.bench.memory.cases import contenders
from core.unlearning.bench.memory.records import OVERALL, from_json
from core.unlearning.bench.memory.tuning import MAX_UTILITY_DROP
from core.unlearning.bench.store import Result

Measure = tuple[str, str]
"""A split and a metric."""


@dataclass(frozen=True)
class MeanAndSpread:
    """`spread`: the standard deviation over seeds; None with one seed."""

    mean: float
    spread: float | None


@dataclass(frozen=True)
class LeaderboardRow:
    """One contender at one ratio. `seeds`: with a result; `failed`: without."""

    contender: str
    title: str
    method: str
    ratio: int
    seeds: int
    failed: int
    numbers: Mapping[Measure, MeanAndSpread]
    seconds: float | None
    size: int | None

    def mean(self, metric: str, split: str = OVERALL) -> float | None:
        """The mean of a measure; None where it was not measured."""
        number = self.numbers.get((split, metric))
        return None if number is None else number.mean

    def mean_over(self, metric: str, splits: Sequence[str]) -> float | None:
        """The mean of a measure over the splits that have it."""
        means = [mean for split in splits if (mean := self.mean(metric, split)) is not None]
        return fmean(means) if means else None

    @property
    def is_useful(self) -> bool:
        """Whether the utility drop is at most `MAX_UTILITY_DROP`."""
        drop = self.mean("utility_drop")
        return drop is not None and drop <= MAX_UTILITY_DROP


def leaderboard_rows(results: Sequence[Result]) -> list[LeaderboardRow]:
    """By ratio; first those with a small enough utility drop, by forgetting, then the others, by the harmonic mean."""
    groups: dict[tuple[int, str], list[Result]] = defaultdict(list)
    for result in results:
        groups[result["ratio"], result["contender"]].append(result)
    return sorted((_row(name, ratio, members) for (ratio, name), members in groups.items()), key=_rank)


def _rank(row: LeaderboardRow) -> tuple[float, ...]:
    forgotten, overall = row.mean("forgotten"), row.mean("harmonic_mean")
    if forgotten is None or overall is None:
        return (row.ratio, 2)
    return (row.ratio, 0, -forgotten, -overall) if row.is_useful else (row.ratio, 1, -overall, -forgotten)


def _row(name: str, ratio: int, members: Sequence[Result]) -> LeaderboardRow:
    done = [result for result in members if result["error"] is None]
    values: dict[Measure, list[float]] = defaultdict(list)
    for result in done:
        for record in from_json([*result["records"], *result["robust"]]):
            values[record.split, record.metric].append(record.value)
    known = contenders()
    return LeaderboardRow(
        contender=name,
        title=known[name].title if name in known else name,
        method=members[0]["method"],
        ratio=ratio,
        seeds=len(done),
        failed=len(members) - len(done),
        numbers={measure: _mean_and_spread(numbers) for measure, numbers in values.items()},
        seconds=max((r["seconds"] for r in done if r["seconds"] is not None), default=None),
        size=max((r["bytes"] for r in done if r["bytes"] is not None), default=None),
    )


def _mean_and_spread(values: Sequence[float]) -> MeanAndSpread:
    return MeanAndSpread(fmean(values), stdev(values) if len(values) > 1 else None)


def tidy_records(results: Sequence[Result]) -> Iterator[dict[str, Any]]:
    """One entry for each case, split and metric. A failed case has the metric `failed`."""
    for result in results:
        case = {name: result[name] for name in ("contender", "method", "ratio", "seed", "role", "error")}
        for record in (*result["records"], *result["robust"]):
            yield {**case, **record}
        if result["error"]:
            yield {**case, "split": OVERALL, "metric": "failed", "value": 1.0, "count": 1}
