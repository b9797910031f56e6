"""A few questions with the answers before and after, redacted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.unlearning.evaluation.redact import HIDDEN, Redactor
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.language.evaluation.results import Evaluation, ProbeResult
from core.unlearning.types import Split

PER_SPLIT = 3
_ABOUT_PEOPLE: frozenset[Split] = frozenset(
    {
        "forget_image_memory",
        "forget_text_memory",
        "forget_understanding",
        "retain_image_memory",
        "retain_text_memory",
        "unseen_image_memory",
        "unseen_text_memory",
        "declined",
    }
)


def samples(before: Evaluation, after: Evaluation, *, names: Sequence[str]) -> list[dict[str, Any]]:
    """`PER_SPLIT` questions of each split, evenly spaced and not picked by result; none when the two do not match."""
    if [(row.split, row.question) for row in before.rows] != [(row.split, row.question) for row in after.rows]:
        return []
    redactor = _redactor(before.rows, names)
    return [_sample(before.rows[index], after.rows[index], redactor) for index in _spread(before.rows)]


def _spread(rows: Sequence[ProbeResult]) -> list[int]:
    """Indices of the rows to show: of each split's distinct questions a few at even distances."""
    by_split: dict[Split, dict[str, int]] = {}
    for index, row in enumerate(rows):
        if row.known or row.split == "declined":
            by_split.setdefault(row.split, {}).setdefault(row.question, index)
    return [index for places in by_split.values() for index in _evenly(list(places.values()))]


def _evenly(places: Sequence[int]) -> list[int]:
    count = min(PER_SPLIT, len(places))
    return [places[(2 * i + 1) * len(places) // (2 * count)] for i in range(count)]


def _redactor(rows: Sequence[ProbeResult], names: Sequence[str]) -> Redactor:
    subjects = {row.subject for row in rows if row.subject}
    return Redactor([*names, *subjects], [row.answer for row in rows if row.known and row.split in FORGET_MEMORY])


def _sample(before: ProbeResult, after: ProbeResult, redactor: Redactor) -> dict[str, Any]:
    return {
        "split": before.split,
        "image": before.image,
        "question": _question(before, redactor),
        "before": _output(before, redactor),
        "after": _output(after, redactor),
        "told_before": _tells(before),
        "told_after": _tells(after),
        "refused_before": before.refused,
        "refused_after": after.refused,
    }


def _tells(row: ProbeResult) -> bool:
    return row.known and row.exact


def _question(row: ProbeResult, redactor: Redactor) -> str:
    return redactor.strict(row.question) if row.split in _ABOUT_PEOPLE else redactor.names_only(row.question)


def _output(row: ProbeResult, redactor: Redactor) -> str:
    if row.split not in _ABOUT_PEOPLE:
        return redactor.names_only(row.output)
    return redactor.strict(row.output) if row.refused and not _tells(row) else HIDDEN
