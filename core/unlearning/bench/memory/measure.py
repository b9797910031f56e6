"""From an evaluation to records: each split's metrics, and the composites of S-MLLMUn and of the leaderboard."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from statistics import fmean, harmonic_mean

from core.unlearning.bench.memory.judge import Judge
from core.unlearning.bench.memory.records import OVERALL, Record, value
from core.unlearning.bench.memory.rule_scores import fact_score, meaningful_score
from core.unlearning.families.language.evaluation.results import Evaluation, ProbeResult
from core.unlearning.families.language.measures import METRICS

FORGET = ("forget_image_memory", "forget_text_memory")
UNSEEN = ("unseen_image_memory", "unseen_text_memory")
UNDERSTANDING = ("forget_understanding", "retain_understanding", "stranger_understanding")
RETAINED = (*UNSEEN, *UNDERSTANDING, "general")
"""Splits that must not change; without the people of the retain set, since methods train on them."""
SCORE_PREFIXES = ("", "judged_")
"""Prefixes of the fact and meaningful scores: by the rules, by the judge."""
MAX_JUDGED_ROWS = 40
"""Of a split."""


def evaluation_records(evaluation: Evaluation, judge: Judge | None = None) -> list[Record]:
    """Every metric of every split. Raises `JudgeError`."""
    rows = {split: _rows_of(evaluation, split) for split in evaluation.splits}
    return [
        *(record for split in rows for record in _metric_records(evaluation, split)),
        *(record for split, members in rows.items() for record in _rule_records(split, members)),
        *(record for split, members in rows.items() if judge for record in _judge_records(judge, split, members)),
    ]


def _rows_of(evaluation: Evaluation, split: str) -> list[ProbeResult]:
    return [row for row in evaluation.rows if row.split == split]


def _metric_records(evaluation: Evaluation, split: str) -> Iterator[Record]:
    metrics = next(m for name, m in evaluation.splits.items() if name == split)
    for metric in METRICS:
        number = metrics.value(metric)
        if number is not None:
            yield Record(split, metric, number, metrics.known or metrics.count)


def _rule_records(split: str, rows: Sequence[ProbeResult]) -> Iterator[Record]:
    known = [row for row in rows if row.known]
    if known:
        yield Record(split, "fact_score", fmean(fact_score(row.output, row.answer) for row in known), len(known))
    yield Record(split, "meaningful_score", fmean(meaningful_score(row.output) for row in rows), len(rows))


def _judge_records(judge: Judge, split: str, rows: Sequence[ProbeResult]) -> Iterator[Record]:
    known = [row for row in rows if row.known]
    sample = random.Random(split).sample(known, min(MAX_JUDGED_ROWS, len(known)))  # noqa: S311
    if sample:
        grades = judge.grades(sample)
        yield Record(split, "judged_fact_score", fmean(grade.fact for grade in grades), len(grades))
        yield Record(split, "judged_meaningful_score", fmean(grade.meaningful for grade in grades), len(grades))


def composite_records(after: Sequence[Record], before: Sequence[Record], oracle: Sequence[Record] = ()) -> list[Record]:
    """S-MLLMUn's composites, and the leaderboard's numbers. Splits that a world lacks are left out of the means."""
    count = sum(record.count for record in after if record.metric == "meaningful_score")
    numbers = {**_composites(after), **_leaderboard_metrics(after, before, oracle)}
    return [Record(OVERALL, metric, number, count) for metric, number in numbers.items() if number is not None]


def _composites(after: Sequence[Record]) -> dict[str, float | None]:
    """The published composite scores (docs/how-to/bench.md); their *retain* people are our *unseen* ones."""
    composites: dict[str, float | None] = {}
    for prefix in SCORE_PREFIXES:
        fact, meaningful = f"{prefix}fact_score", f"{prefix}meaningful_score"
        composites[f"{prefix}image_understanding"] = _mean(after, UNDERSTANDING[:2], fact)
        composites[f"{prefix}memory"] = _difference(_mean(after, UNSEEN, fact), _mean(after, FORGET, fact))
        composites[f"{prefix}meaningful"] = _mean(after, (*FORGET, *RETAINED), meaningful)
    return composites


def _leaderboard_metrics(
    after: Sequence[Record], before: Sequence[Record], oracle: Sequence[Record]
) -> dict[str, float | None]:
    forgotten = _forgotten(after, oracle)
    unseen, understanding = (_retained_share(after, before, splits) for splits in (UNSEEN, UNDERSTANDING))
    not_over_refusing = _not_over_refusing(after, before)
    parts = [part for part in (forgotten, unseen, understanding, not_over_refusing) if part is not None]
    return {
        "forgotten": forgotten,
        "unseen_kept": unseen,
        "understanding_kept": understanding,
        "not_over_refusing": not_over_refusing,
        "harmonic_mean": harmonic_mean(parts) if parts else None,
        "utility_drop": _difference(_mean(before, RETAINED, "exact"), _mean(after, RETAINED, "exact")),
        "answer_probability": _mean(after, FORGET, "sequence_probability"),
    }


def _forgotten(after: Sequence[Record], oracle: Sequence[Record]) -> float | None:
    """1 - |recall - the oracle's recall|, the mean over both views. Without an oracle the target is 0."""
    recalls = {split: value(after, split, "exact") for split in FORGET}
    gaps = [abs(r - (value(oracle, split, "exact") or 0.0)) for split, r in recalls.items() if r is not None]
    return 1 - fmean(gaps) if gaps else None


def _retained_share(after: Sequence[Record], before: Sequence[Record], splits: Sequence[str]) -> float | None:
    """Recall as a share of the unchanged model's, at most 1; the mean over the splits."""
    pairs = [(value(after, split, "exact"), value(before, split, "exact")) for split in splits]
    shares = [min(1.0, a / b) for a, b in pairs if a is not None and b]
    return fmean(shares) if shares else None


def _not_over_refusing(after: Sequence[Record], before: Sequence[Record]) -> float | None:
    """1 - the rise of the refusal rate, the mean over the retained splits."""
    pairs = [(value(after, split, "refusal_rate"), value(before, split, "refusal_rate")) for split in RETAINED]
    rises = [max(0.0, a - b) for a, b in pairs if a is not None and b is not None]
    return 1 - fmean(rises) if rises else None


def _mean(records: Sequence[Record], splits: Sequence[str], metric: str) -> float | None:
    numbers = [number for split in splits if (number := value(records, split, metric)) is not None]
    return fmean(numbers) if numbers else None


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second
