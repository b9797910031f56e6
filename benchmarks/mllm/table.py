"""The leaderboard's rows to bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean

from benchmarks.bars import Bar
from benchmarks.mllm.robustness import pressed
from core.unlearning.bench.memory.cases import RATIOS, contenders
from core.unlearning.bench.memory.records import OVERALL
from core.unlearning.bench.memory.summary import LeaderboardRow
from core.unlearning.bench.memory.tuning import MAX_UTILITY_DROP
from core.unlearning.bench.store import Result

OURS = "smfa"
_MEANS = {5: 0.98, 10: 0.97, 15: 0.95}
_PROBABILITY, _MINUTES, _SEEDS, _CORES = 0.02, 60, 3, 2
_BELOW = -1.0
"""The lead of a preset whose utility drop is above what may be."""


def bars(rows: Sequence[LeaderboardRow], results: Sequence[Result]) -> list[Bar]:
    """What the benchmark is judged by, then what every method reaches."""
    ratios = list(dict.fromkeys(row.ratio for row in rows))
    judged = [bar for ratio in ratios for bar in _of_ratio(ratio, [row for row in rows if row.ratio == ratio])]
    attacked = [bar for ratio in ratios for bar in pressed(ratio, results)]
    return [
        *judged,
        *attacked,
        *_minutes(results),
        *(bar for row in rows if row.contender != OURS for bar in _others(row)),
    ]


def counted(rows: Sequence[LeaderboardRow]) -> str:
    """How many seeds each contender has, most first."""
    parts = []
    for ratio in dict.fromkeys(row.ratio for row in rows):
        names: dict[int, list[str]] = defaultdict(list)
        for row in rows:
            if row.ratio == ratio:
                names[row.seeds + row.failed].append(row.contender)
        parts.append(f"{ratio} %: " + "; ".join(f"{n} of {', '.join(sorted(names[n]))}" for n in sorted(names)[::-1]))
    return ". ".join(parts)


def _of_ratio(ratio: int, rows: Sequence[LeaderboardRow]) -> Iterator[Bar]:
    own = next((row for row in rows if row.contender == OURS), None)
    if own is None or own.mean("forgotten") is None:
        return
    yield _lead(ratio, own, [row for row in rows if row.method != OURS])
    yield _bar(own, "harmonic_mean", f"{ratio} %: default preset, harmonic mean", _MEANS.get(ratio), ">=")
    yield _bar(own, "answer_probability", f"{ratio} %: probability of the original answer", _PROBABILITY, "<=")
    for metric in ("forgotten", "utility_drop", "unseen_kept", "understanding_kept", "not_over_refusing"):
        yield _bar(own, metric, f"{ratio} %: default preset, {metric.replace('_', ' ')}")


def _lead(ratio: int, own: LeaderboardRow, others: Sequence[LeaderboardRow]) -> Bar:
    """By how much more it forgets than the best baseline of those that also keep what they must."""
    best = max((row for row in others if row.is_useful), key=lambda row: row.mean("forgotten") or 0.0, default=None)
    beaten = (best.mean("forgotten") if best else None) or 0.0
    lead = (own.mean("forgotten") or 0.0) - beaten if own.is_useful else _BELOW
    note = f"the best baseline is {best.contender}: {beaten:.3f}" if best else "no baseline keeps as much"
    name = f"{ratio} %: forgetting at a utility drop of at most {MAX_UTILITY_DROP}, lead over the best baseline"
    return Bar(name, lead, 0.0, ">=", n=own.seeds, note=note)


def _bar(row: LeaderboardRow, metric: str, name: str, bound: float | None = None, direction: str = "<=") -> Bar:
    number = row.numbers[OVERALL, metric]
    sign = "<=" if direction == "<=" else ">="
    return Bar(name, number.mean, bound, sign, number.spread, row.seeds, f"seeds: {row.seeds}")


def _others(row: LeaderboardRow) -> Iterator[Bar]:
    for metric in ("forgotten", "utility_drop", "harmonic_mean"):
        if row.mean(metric) is not None:
            yield _bar(row, metric, f"{row.ratio} %: {row.contender}, {metric.replace('_', ' ')}")


def _minutes(results: Sequence[Result]) -> Iterator[Bar]:
    """Processor time of the whole benchmark, where some of its cases were not run by the mean of their contender's."""
    times: dict[str, list[float]] = defaultdict(list)
    for result in results:
        if result["case_processor_seconds"]:
            times[result["contender"]].append(result["case_processor_seconds"])
    whole = sum(fmean(found) for found in times.values()) * len(RATIOS) * _SEEDS
    cases = sum(map(len, times.values()))
    note = f"level standard, from the processor time of {cases} cases of {len(times)} contenders, nine of each"
    bound = _MINUTES if set(times) == set(contenders()) else None
    yield Bar("the whole benchmark: minutes on two cores", whole / _CORES / 60, bound, note=note)
