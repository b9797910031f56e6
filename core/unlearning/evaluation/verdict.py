"""Judges an evaluation by thresholds, and says why in words. Free of torch and of the metric libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from core.unlearning.evaluation.results import Evaluation
from core.unlearning.evaluation.thresholds import ThresholdKey, parse_key, resolve
from core.unlearning.evaluation.wording import metric_title, split_title
from core.unlearning.types import Split

FORGET_MEMORY: tuple[Split, ...] = ("forget_image_memory", "forget_text_memory")
KNOWN_FROM = 0.2
"""Exact recall from which a model counts as knowing what it is asked."""
NOTHING_MEASURED = "forget.measured"
"""Key of the check that stands for "nobody asked about the subject"; no threshold of that name can be set."""
_ROUNDING = 1e-9
_ABOVE_REFERENCE = frozenset({"exact", "probability", "sequence_probability"})
"""On forget splits these may be as high as in a model that never learned the subject, plus the threshold."""


@dataclass(frozen=True)
class Check:
    """One threshold against its value. `direction`: the value must be "at_most" or "at_least" `bound`."""

    key: str
    value: float | None
    bound: float
    direction: Literal["at_most", "at_least"]
    met: bool
    reason: str


@dataclass(frozen=True)
class Verdict:
    """`missed` names the thresholds not met; `notes` what the reader should know besides."""

    passed: bool
    checks: tuple[Check, ...]
    missed: tuple[str, ...]
    notes: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    reference_used: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it did not pass, a sentence for each missed threshold."""
        return tuple(check.reason for check in self.checks if not check.met)

    def to_dict(self) -> dict[str, Any]:
        """JSON values, `reasons` included."""
        return {**asdict(self), "reasons": list(self.reasons)}


def judge(
    before: Evaluation,
    after: Evaluation,
    *,
    reference: Evaluation | None = None,
    thresholds: Mapping[str, object] | None = None,
    replacement: bool = False,
) -> Verdict:
    """Whether the model forgot and kept what it should.

    `reference` is a model that never learned the subject; one that turns out to know it is left aside with a note.
    `thresholds` are the request's overrides (`ValueError` when invalid); one that cannot be measured is not met, while
    a default that cannot be measured is noted. A request that nobody could measure forgetting on does not pass.
    """
    overrides = thresholds or {}
    notes = [*_forget_notes(before), *_missing_notes(after)]
    if reference is not None and _knows_subject(reference):
        reference = None
        notes.append("The registered reference model knows this subject itself, so it is left out of the comparison.")
    resolved = resolve(overrides, replacement=replacement)
    checks = [_check(parse_key(key), key, bound, before, after, reference) for key, bound in resolved.items()]
    checks = [check for check in checks if check.value is not None or check.key in overrides]
    if not any(_measured(after, split) for split in FORGET_MEMORY):
        checks.insert(0, _nothing_measured())
    missed = tuple(check.key for check in checks if not check.met)
    return Verdict(not missed, tuple(checks), missed, tuple(notes), resolved, reference is not None)


def _check(
    key: ThresholdKey, name: str, bound: float, before: Evaluation, after: Evaluation, reference: Evaluation | None
) -> Check:
    value = _value(key, before, after)
    if reference is not None and key.split in FORGET_MEMORY and key.metric in _ABOVE_REFERENCE and not key.change:
        bound = min(1.0, bound + (reference.value(key.split, key.metric) or 0.0))
    direction: Literal["at_most", "at_least"] = "at_least" if key.bound_is_floor else "at_most"
    met = value is not None and (value >= bound - _ROUNDING if key.bound_is_floor else value <= bound + _ROUNDING)
    return Check(name, value, bound, direction, met, _reason(key, value, bound, met))


def _value(key: ThresholdKey, before: Evaluation, after: Evaluation) -> float | None:
    now, then = after.value(key.split, key.metric), before.value(key.split, key.metric)
    if key.change is None or now is None:
        return now
    if then is None:
        return None
    return then - now if key.change == "drop" else now - then


def _reason(key: ThresholdKey, value: float | None, bound: float, met: bool) -> str:
    what = f"{split_title(key.split)}: {metric_title(key.metric).lower()}"
    if value is None:
        return f"{what} could not be measured, though the request sets a threshold for it."
    limit = f"{'at least' if key.bound_is_floor else 'at most'} {bound:.3f}"
    verb = {"drop": "fell by", "rise": "rose by", None: "is"}[key.change]
    return f"{what} {verb} {value:.3f}; {limit} is {'asked, so this is met' if met else 'asked'}."


def _nothing_measured() -> Check:
    reason = "No question about the subject could be measured, so nothing shows that anything was forgotten."
    return Check(NOTHING_MEASURED, 0.0, 1.0, "at_least", False, reason)


def _measured(evaluation: Evaluation, split: Split) -> bool:
    return split in evaluation.splits and evaluation.splits[split].count > 0


def _knows_subject(reference: Evaluation) -> bool:
    return any((reference.value(split, "exact") or 0.0) > KNOWN_FROM for split in FORGET_MEMORY)


def _forget_notes(before: Evaluation) -> list[str]:
    unknown = [
        split_title(split)
        for split in FORGET_MEMORY
        if _measured(before, split) and (before.value(split, "exact") or 0.0) < KNOWN_FROM
    ]
    return [f"{title}: nothing to forget, the model did not know these answers before." for title in unknown]


def _missing_notes(after: Evaluation) -> list[str]:
    expected: dict[Split, str] = {
        "unseen_image_memory": "people the job never saw",
        "general": "general knowledge",
        "stranger_understanding": "pictures of strangers",
    }
    missing = [words for split, words in expected.items() if not _measured(after, split)]
    if not missing:
        return []
    return [f"Not measured, because the model's retain set has no test questions for it: {', '.join(missing)}."]
