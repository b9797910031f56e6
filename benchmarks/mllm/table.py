"""From the leaderboard's rows to bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Literal

from benchmarks.bars import Bar
from benchmarks.mllm.robustness import robustness_bars
from core.unlearning.bench.memory.cases import RATIOS, contenders
from core.unlearning.bench.memory.records import OVERALL
from core.unlearning.bench.memory.summary import LeaderboardRow
from core.unlearning.bench.memory.tuning import MAX_UTILITY_DROP
from core.unlearning.bench.store import Result

OURS = "smfa"
_MIN_HARMONIC_MEAN = {5: 0.98, 10: 0.97, 15: 0.95}
_MAX_PROBABILITY, _MAX_MINUTES, _SEEDS, _CORES = 0.02, 60, 3, 2
_NO_LEAD = -1.0
"""The lead of a preset whose utility drop is too large."""


def bars(rows: Sequence[LeaderboardRow], results: Sequence[Result]) -> list[Bar]:
    """The default preset's bars, robustness, the benchmark's time, and every other contender's numbers."""
    ratios = list(dict.fromkeys(row.ratio for row in rows))
    own = [bar for ratio in ratios for bar in _ratio_bars(ratio, [row for row in rows if row.ratio == ratio])]
    robustness = [bar for ratio in ratios for bar in robustness_bars(ratio, results)]
    return [
        *own,
        *robustness,
        *_minutes(results),
        *(bar for row in rows if row.contender != OURS for bar in _others(row)),
    ]


def count_seeds(rows: Sequence[LeaderboardRow]) -> str:
    """How many seeds each contender has, by ratio, most first."""
    parts = []
    for ratio in dict.fromkeys(row.ratio for row in rows):
        names: dict[int, list[str]] = defaultdict(list)
        for row in rows:
            if row.ratio == ratio:
                names[row.seeds + row.failed].append(row.contender)
        parts.append(f"{ratio} %: " + "; ".join(f"{n} of {', '.join(sorted(names[n]))}" for n in sorted(names)[::-1]))
    return ". ".join(parts)


def _ratio_bars(ratio: int, rows: Sequence[LeaderboardRow]) -> Iterator[Bar]:
    own = next((row for row in rows if row.contender == OURS), None)
    if own is None or own.mean("forgotten") is None:
        return
    yield _lead(ratio, own, [row for row in rows if row.method != OURS])
    yield _bar(own, "harmonic_mean", f"{ratio} %: default preset, harmonic mean", _MIN_HARMONIC_MEAN.get(ratio), ">=")
    yield _bar(own, "answer_probability", f"{ratio} %: probability of the original answer", _MAX_PROBABILITY, "<=")
    for metric in ("forgotten", "utility_drop", "unseen_kept", "understanding_kept", "not_over_refusing"):
        yield _bar(own, metric, f"{ratio} %: default preset, {metric.replace('_', ' ')}")


def _lead(ratio: int, own: LeaderboardRow, others: Sequence[LeaderboardRow]) -> Bar:
    """How much more is forgotten than by the best baseline with an acceptable utility drop."""
    best = max((row for row in others if row.is_useful), key=lambda row: row.mean("forgotten") or 0.0, default=None)
    baseline = (best.mean("forgotten") if best else None) or 0.0
    lead = (own.mean("forgotten") or 0.0) - baseline if own.is_useful else _NO_LEAD
    note = f"the best baseline is {best.contender}: {baseline:.3f}" if best else "no baseline keeps as much"
    name = f"{ratio} %: forgetting at a utility drop of at most {MAX_UTILITY_DROP}, lead over the best baseline"
    return Bar(name, lead, 0.0, ">=", n=own.seeds, note=note)


def _bar(
    row: LeaderboardRow, metric: str, name: str, bound: float | None = None, direction: Literal["<=", ">="] = "<="
) -> Bar:
    number = row.numbers[OVERALL, metric]
    return Bar(name, number.mean, bound, direction, number.spread, row.seeds, f"seeds: {row.seeds}")


def _others(row: LeaderboardRow) -> Iterator[Bar]:
    for metric in ("forgotten", "utility_drop", "harmonic_mean"):
        if row.mean(metric) is not None:
            yield _bar(row, metric, f"{row.ratio} %: {row.contender}, {metric.replace('_', ' ')}")


def _minutes(results: Sequence[Result]) -> Iterator[Bar]:
    """Processor time of the whole benchmark; a case that was not run counts as the mean of its contender's cases."""
    times: dict[str, list[float]] = defaultdict(list)
    for result in results:
        if result["case_processor_seconds"]:
            times[result["contender"]].append(result["case_processor_seconds"])
    whole = sum(fmean(seconds) for seconds in times.values()) * len(RATIOS) * _SEEDS
    cases = sum(map(len, times.values()))
    note = f"level standard, from the processor time of {cases} cases of {len(times)} contenders, nine of each"
    bound = _MAX_MINUTES if set(times) == set(contenders()) else None
    yield Bar("the whole benchmark: minutes on two cores", whole / _CORES / 60, bound, note=note)
