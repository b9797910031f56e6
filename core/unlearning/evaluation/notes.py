"""What the reader of a verdict should know besides. Free of torch and of the metric libraries."""

from __future__ import annotations

from collections.abc import Sequence

from core.unlearning.evaluation.checks import REFERENCE, Check, Outcome
from core.unlearning.evaluation.evidence import enough, in_100
from core.unlearning.evaluation.measures import GROUP, Measures
from core.unlearning.evaluation.results import Evaluated
from core.unlearning.evaluation.thresholds import parse_key

KNOWN_FROM = 0.2
"""Recall from which a model counts as knowing what it is asked."""
SHOWN_DROP = 0.15
"""Where more of what had to stay may be lost than this, for all that is known, a note says so."""


def outcome_notes(found: Outcome) -> list[str]:
    """What was not known before, and what was not measured or on copies only."""
    return [
        *_unknown(found.before, found.measures),
        *_missing(found.after, found.measures),
        *_copied(found.after, found.measures),
    ]


def check_notes(measures: Measures, checks: Sequence[Check], unshown: Sequence[Check]) -> list[str]:
    """What the checks do not show. `unshown`: upper bounds that more probes would have to show."""
    return [*(_too_few(measures, check) for check in unshown), *_gaps(checks), *_unsure(measures, checks)]


def _too_few(measures: Measures, check: Check) -> str:
    """That too few probes stand behind an upper bound, and how many would be enough if no more failed."""
    key, asked = parse_key(check.key, measures), check.clusters or 0
    failed = asked * (check.failed or 0) / (check.count or 1)
    needed, unit = enough(check.bound, failed), measures.units.get(key.split, GROUP)
    sentence = (
        f"{measures.title(key.split)}: {unit.counted(asked)} cannot show a bound of {in_100(check.bound)}, which this "
        "level aims at"
    )
    if needed is None or not unit.source:
        return f"{sentence}."
    more = max(1, needed - asked)
    brought = f", so the request needs some {unit.per * more} more" if unit.per > 1 else ""
    return f"{sentence}; {more} more, {asked + more} in all, could. {unit.source}{brought}."


def _unknown(before: Evaluated, measures: Measures) -> list[str]:
    unknown = [
        measures.title(split)
        for split in measures.judged
        if before.measured(split) and (before.recall(split) or 0.0) < KNOWN_FROM
    ]
    return [f"{title}: {measures.unknown}" for title in unknown]


def _missing(after: Evaluated, measures: Measures) -> list[str]:
    missing = [words for split, words in measures.expected.items() if not after.measured(split)]
    if not missing:
        return []
    return [f"Not measured, because the model's retain set has nothing to test it with: {', '.join(missing)}."]


def _copied(after: Evaluated, measures: Measures) -> list[str]:
    asked = [split for split in measures.judged if split in after.splits]
    pictures = {split: after.beside(split).get("pictures") for split in asked}
    return [
        f"{measures.title(split)}: all pictures asked about are altered copies of training pictures, so nothing shows "
        "what is said of a picture that the job never saw. With three pictures or more one is kept for that."
        for split, count in pictures.items()
        if count and not count["unseen"]
    ]


def _gaps(checks: Sequence[Check]) -> list[str]:
    stand_ins = list(dict.fromkeys(check.target_is for check in checks if check.target_is not in (None, REFERENCE)))
    if not stand_ins:
        return []
    return [
        "No registered reference model covers this request, so something else stands in for it where a gap is "
        f"measured: {'; '.join(map(str, stand_ins))}. The limits of these gaps are wider by what chance may do in so "
        "few examples."
    ]


def _unsure(measures: Measures, checks: Sequence[Check]) -> list[str]:
    """What had to stay and seems to have stayed, where more may be lost than is seen."""
    unsure = []
    for check in checks:
        key = parse_key(check.key, measures)
        if key.change == "drop" and check.met and (check.upper or 0.0) > SHOWN_DROP:
            unsure.append(f"{measures.title(key.split)} ({(check.evidence or '').removesuffix(' (95 % sure)')})")
    if not unsure:
        return []
    return [
        f"Too little was asked to be 95 % sure that no more than {in_100(SHOWN_DROP)} are lost: {'; '.join(unsure)}."
    ]
