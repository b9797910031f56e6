"""From an evaluation to records: a split's metrics, and what S-MLLMUn and the leaderboard put together from them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from statistics import fmean, harmonic_mean

from core.unlearning.bench.memory.judge import Judge
from core.unlearning.bench.memory.records import OVERALL, Record, value
from core.unlearning.bench.memory.rule_scores import fact_score, meaningful_score
from core.unlearning.families.mllm.config import METRICS
from core.unlearning.families.mllm.evaluation.results import Evaluation, Row

FORGET = ("forget_image_memory", "forget_text_memory")
UNSEEN = ("unseen_image_memory", "unseen_text_memory")
UNDERSTANDING = ("forget_understanding", "retain_understanding", "stranger_understanding")
KEPT = (*UNSEEN, *UNDERSTANDING, "general")
"""What must stay, but for the people of the retain set, who are trained on."""
SCORES = ("", "judged_")
"""What fact and meaningful scores are called: by the rules, and by the judge."""
JUDGED = 40
"""Rows of a split that the judge grades."""


def records_of(found: Evaluation, judge: Judge | None = None) -> list[Record]:
    """Every metric of every split. Raises `JudgeError`."""
    return [
        *(record for split in found.splits for record in _measured(found, split)),
        *(record for split in found.splits for record in _scored(split, _of(found, split))),
        *(record for split in found.splits for record in (_judged(judge, split, _of(found, split)) if judge else ())),
    ]


def _of(found: Evaluation, split: str) -> list[Row]:
    return [row for row in found.rows if row.split == split]


def _measured(found: Evaluation, split: str) -> Iterator[Record]:
    metrics = next(m for name, m in found.splits.items() if name == split)
    for metric in METRICS:
        number = metrics.value(metric)
        if number is not None:
            yield Record(split, metric, number, metrics.known or metrics.count)


def _scored(split: str, rows: Sequence[Row]) -> Iterator[Record]:
    known = [row for row in rows if row.known]
    if known:
        yield Record(split, "fact_score", fmean(fact_score(row.output, row.answer) for row in known), len(known))
    yield Record(split, "meaningful_score", fmean(meaningful_score(row.output) for row in rows), len(rows))


def _judged(judge: Judge, split: str, rows: Sequence[Row]) -> Iterator[Record]:
    known = [row for row in rows if row.known]
    asked = random.Random(split).sample(known, min(JUDGED, len(known)))  # noqa: S311
    if asked:
        grades = judge.grades(asked)
        yield Record(split, "judged_fact_score", fmean(grade.fact for grade in grades), len(grades))
        yield Record(split, "judged_meaningful_score", fmean(grade.meaningful for grade in grades), len(grades))


def composed(after: Sequence[Record], before: Sequence[Record], oracle: Sequence[Record] = ()) -> list[Record]:
    """S-MLLMUn's composites, and the leaderboard's numbers. What a world lacks is left out of the means."""
    count = sum(record.count for record in after if record.metric == "meaningful_score")
    numbers = {**_composites(after), **_standing(after, before, oracle)}
    return [Record(OVERALL, metric, number, count) for metric, number in numbers.items() if number is not None]


def _composites(after: Sequence[Record]) -> dict[str, float | None]:
    """The published composite scores (docs/how-to/bench.md); their *retain* people are our *unseen* ones."""
    found: dict[str, float | None] = {}
    for by in SCORES:
        fact, meaningful = f"{by}fact_score", f"{by}meaningful_score"
        found[f"{by}image_understanding"] = _mean(after, UNDERSTANDING[:2], fact)
        found[f"{by}memory"] = _difference(_mean(after, UNSEEN, fact), _mean(after, FORGET, fact))
        found[f"{by}meaningful"] = _mean(after, (*FORGET, *KEPT), meaningful)
    return found


def _standing(after: Sequence[Record], before: Sequence[Record], oracle: Sequence[Record]) -> dict[str, float | None]:
    forgotten = _forgotten(after, oracle)
    unseen, seen = _kept(after, before, UNSEEN), _kept(after, before, UNDERSTANDING)
    open_handed = _not_over_refusing(after, before)
    parts = [part for part in (forgotten, unseen, seen, open_handed) if part is not None]
    return {
        "forgotten": forgotten,
        "unseen_kept": unseen,
        "understanding_kept": seen,
        "not_over_refusing": open_handed,
        "harmonic_mean": harmonic_mean(parts) if parts else None,
        "utility_drop": _difference(_mean(before, KEPT, "exact"), _mean(after, KEPT, "exact")),
        "answer_probability": _mean(after, FORGET, "sequence_probability"),
    }


def _forgotten(after: Sequence[Record], oracle: Sequence[Record]) -> float | None:
    """1 - |recall - the oracle's recall|, the mean over both views. Without an oracle the target is 0."""
    recalls = {split: value(after, split, "exact") for split in FORGET}
    gaps = [abs(r - (value(oracle, split, "exact") or 0.0)) for split, r in recalls.items() if r is not None]
    return 1 - fmean(gaps) if gaps else None


def _kept(after: Sequence[Record], before: Sequence[Record], splits: Sequence[str]) -> float | None:
    """Recall as a share of the unchanged model's, at most 1, the mean over the splits."""
    pairs = [(value(after, split, "exact"), value(before, split, "exact")) for split in splits]
    shares = [min(1.0, a / b) for a, b in pairs if a is not None and b]
    return fmean(shares) if shares else None


def _not_over_refusing(after: Sequence[Record], before: Sequence[Record]) -> float | None:
    """1 - how many more questions that have an answer are declined than before, the mean over what must stay."""
    pairs = [(value(after, split, "refusal_rate"), value(before, split, "refusal_rate")) for split in KEPT]
    rises = [max(0.0, a - b) for a, b in pairs if a is not None and b is not None]
    return 1 - fmean(rises) if rises else None


def _mean(records: Sequence[Record], splits: Sequence[str], metric: str) -> float | None:
    found = [number for split in splits if (number := value(records, split, metric)) is not None]
    return fmean(found) if found else None


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second
