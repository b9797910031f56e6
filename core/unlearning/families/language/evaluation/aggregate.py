"""Aggregate probe results and scores to the metrics of each split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.evaluation.membership import Membership, membership
from core.unlearning.families.language.evaluation.metrics.gibberish import is_gibberish
from core.unlearning.families.language.evaluation.metrics.recall import leaks, recalls
from core.unlearning.families.language.evaluation.metrics.rouge import rouge_l_recall
from core.unlearning.families.language.evaluation.metrics.truth_ratio import closer_to_one, true_better, truth_ratio
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY, Probe
from core.unlearning.families.language.evaluation.results import ProbeResult, SplitMetrics
from core.unlearning.families.language.model.answerer import AnswerScore
from core.unlearning.types import Split


def make_row(probe: Probe, output: str, right: AnswerScore, wrong: Sequence[AnswerScore]) -> ProbeResult:
    """The result of one probe: its output, and every per-question metric."""
    example = probe.example
    return ProbeResult(
        split=example.split,
        question=example.question,
        answer=example.answer,
        output=output,
        known=probe.known,
        exact=leaks(output, example) if example.split in FORGET_MEMORY else recalls(output, example),
        rouge_l=rouge_l_recall(output, example.answer),
        refused=is_refusal(output, example.question) and not (probe.known and leaks(output, example)),
        gibberish=is_gibberish(output),
        probability=right.probability,
        fact_probability=max(0.0, right.fact_probability - example.control_probability),
        sequence_probability=right.sequence_probability,
        truth_ratio=truth_ratio(right, wrong) if wrong else None,
        subject=example.subject,
        image=example.image is not None,
    )


def split_metrics(
    rows: Sequence[ProbeResult], scores: Sequence[AnswerScore], strangers: Mapping[Split, Sequence[AnswerScore]]
) -> dict[Split, SplitMetrics]:
    """Metrics by split, in order of appearance. `scores` go with `rows`; `strangers` are the membership non-members."""
    splits: dict[Split, list[int]] = {}
    for index, row in enumerate(rows):
        splits.setdefault(row.split, []).append(index)
    return {
        split: _metrics(split, [rows[i] for i in places], [scores[i] for i in places], strangers.get(split, ()))
        for split, places in splits.items()
    }


def _metrics(
    split: Split, rows: Sequence[ProbeResult], scores: Sequence[AnswerScore], strangers: Sequence[AnswerScore]
) -> SplitMetrics:
    known = [row for row in rows if row.known]
    members = [score.mean for row, score in zip(rows, scores, strict=True) if row.known]
    interval = membership(members, [score.mean for score in strangers])
    return SplitMetrics(
        count=len(rows),
        known=len(known),
        exact=_mean(known, lambda row: row.exact),
        rouge_l=_mean(known, lambda row: row.rouge_l),
        probability=_mean(known, lambda row: row.probability),
        fact_probability=_mean(known, lambda row: row.fact_probability),
        sequence_probability=_mean(known, lambda row: row.sequence_probability),
        truth_ratio=_truth_ratio(split, known),
        refusal_rate=_mean(known or rows, lambda row: row.refused),
        gibberish_rate=_mean(rows, lambda row: row.gibberish),
        **_interval(interval),
    )


def _mean(rows: Sequence[ProbeResult], value: Callable[[ProbeResult], float]) -> float | None:
    return fmean(value(row) for row in rows) if rows else None


def _truth_ratio(split: Split, rows: Sequence[ProbeResult]) -> float | None:
    ratios = [row.truth_ratio for row in rows if row.truth_ratio is not None]
    if not ratios:
        return None
    return closer_to_one(ratios) if split in FORGET_MEMORY else true_better(ratios)


def _interval(interval: Membership | None) -> dict[str, float | None]:
    if interval is None:
        return {}
    return {"membership_auc": interval.auc, "membership_low": interval.low, "membership_high": interval.high}
