"""Judges an evaluation by thresholds, and says why in words. Free of torch and of the metric libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from core.unlearning.evaluation.measures import Measures, StandIn
from core.unlearning.evaluation.results import Evaluated
from core.unlearning.evaluation.thresholds import ThresholdKey, parse_key, resolve
from core.unlearning.types import EntityKind

KNOWN_FROM = 0.2
"""Recall from which a model counts as knowing what it is asked."""
NOTHING_MEASURED = "forget.measured"
"""Key of the check that stands for "nobody asked about the subject"; no threshold of that name can be set."""
REFERENCE = "the registered reference model"
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Check:
    """One threshold against its value. `direction`: the value must be "at_most" or "at_least" `bound`."""

    key: str
    value: float | None
    bound: float
    direction: Literal["at_most", "at_least"]
    met: bool
    reason: str
    target: float | None = None
    """Of a gap: the value that it is measured from."""
    target_is: str | None = None
    """Whose value that is, in words."""


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

    def with_check(self, check: Check) -> Verdict:
        """The verdict with this check before all others, in the place of one of its key, and its reason as a note."""
        checks = (check, *(other for other in self.checks if other.key != check.key))
        missed = tuple(each.key for each in checks if not each.met)
        return replace(self, passed=not missed, checks=checks, missed=missed, notes=(check.reason, *self.notes))

    def to_dict(self) -> dict[str, Any]:
        """JSON values, `reasons` included."""
        return {**asdict(self), "reasons": list(self.reasons)}


@dataclass(frozen=True)
class _Outcome:
    """All that is known of a request's outcome."""

    measures: Measures
    before: Evaluated
    after: Evaluated
    reference: Evaluated | None
    kind: EntityKind


def judge(
    before: Evaluated,
    after: Evaluated,
    measures: Measures,
    *,
    reference: Evaluated | None = None,
    thresholds: Mapping[str, object] | None = None,
    replacement: bool = False,
    kind: EntityKind = "identity",
) -> Verdict:
    """Whether the model forgot and kept what it should.

    `reference` is a model that never learned the subject; one that turns out to know it is left aside with a note.
    `thresholds` are the request's overrides (`ValueError` when invalid); one that cannot be measured is not met, while
    a default that cannot be measured is noted. A request that nobody could measure forgetting on does not pass.
    """
    overrides = thresholds or {}
    notes = [*_forget_notes(before, measures), *_missing_notes(after, measures)]
    if reference is not None and _knows_subject(reference, measures):
        reference = None
        notes.append("The registered reference model knows this subject itself, so it is left out of the comparison.")
    found = _Outcome(measures, before, after, reference, kind)
    resolved = resolve(overrides, measures, replacement=replacement, kind=kind)
    checks = [_check(found, key, bound) for key, bound in resolved.items()]
    checks = [check for check in checks if check.value is not None or check.key in overrides]
    if not any(after.measured(split) for split in measures.judged):
        checks.insert(0, Check(NOTHING_MEASURED, 0.0, 1.0, "at_least", False, measures.nothing_measured))
    missed = tuple(check.key for check in checks if not check.met)
    notes += _gap_notes(checks)
    return Verdict(not missed, tuple(checks), missed, tuple(notes), resolved, reference is not None)


def _check(found: _Outcome, name: str, bound: float) -> Check:
    key = parse_key(name, found.measures)
    if key.change == "gap":
        return _gap_check(found, key, name, bound)
    value, floor = _value(key, found.before, found.after), key.bound_is_floor(found.measures)
    above = key.split in found.measures.judged and key.metric in found.measures.above_reference and not key.change
    if found.reference is not None and above:
        bound = min(1.0, bound + (found.reference.value(key.split, key.metric) or 0.0))
    met = value is not None and (value >= bound - _ROUNDING if floor else value <= bound + _ROUNDING)
    return Check(
        name,
        value,
        bound,
        "at_least" if floor else "at_most",
        met,
        _reason(found.measures, key, value, bound, floor, met),
    )


def _gap_check(found: _Outcome, key: ThresholdKey, name: str, bound: float) -> Check:
    """Far below what a model has that never learned the subject is as wrong as far above."""
    value, target = found.after.value(key.split, key.metric), _target(found, key)
    if value is None or target is None:
        return Check(name, None, bound, "at_most", False, _reason(found.measures, key, None, bound, False, False))
    gap, bound = abs(value - target.value), bound + target.slack
    met = gap <= bound + _ROUNDING
    reason = (
        f"{_what(found.measures, key)} is {value:.3f}, {gap:.3f} from the {target.value:.3f} of {target.words}; "
        f"at most {bound:.3f} is {'asked, so this is met' if met else 'asked'}."
    )
    return Check(name, gap, bound, "at_most", met, reason, target.value, target.words)


def _target(found: _Outcome, key: ThresholdKey) -> StandIn | None:
    """The reference's value, or what stands in for it."""
    value = found.reference.value(key.split, key.metric) if found.reference else None
    if value is not None:
        return StandIn(value, 0.0, REFERENCE)
    return found.measures.stand_in(found.before, found.after, found.kind, key.split, key.metric)


def _gap_notes(checks: Sequence[Check]) -> list[str]:
    stand_ins = list(dict.fromkeys(check.target_is for check in checks if check.target_is not in (None, REFERENCE)))
    if not stand_ins:
        return []
    return [
        "No registered reference model covers this request, so gaps are measured from stand-ins, and more widely by "
        f"what chance may do in so few examples: {', '.join(map(str, stand_ins))}."
    ]


def _value(key: ThresholdKey, before: Evaluated, after: Evaluated) -> float | None:
    now, then = after.value(key.split, key.metric), before.value(key.split, key.metric)
    if key.change is None or now is None:
        return now
    if then is None:
        return None
    return then - now if key.change == "drop" else now - then


def _what(measures: Measures, key: ThresholdKey) -> str:
    return f"{measures.title(key.split)}: {measures.metrics[key.metric].lower()}"


def _reason(measures: Measures, key: ThresholdKey, value: float | None, bound: float, floor: bool, met: bool) -> str:
    what = _what(measures, key)
    if value is None:
        return f"{what} could not be measured, though the request sets a threshold for it."
    limit = f"{'at least' if floor else 'at most'} {bound:.3f}"
    verb = {"drop": "fell by", "rise": "rose by"}.get(key.change or "", "is")
    return f"{what} {verb} {value:.3f}; {limit} is {'asked, so this is met' if met else 'asked'}."


def _knows_subject(reference: Evaluated, measures: Measures) -> bool:
    if measures.reference_may_know:
        return False
    return any((reference.recall(split) or 0.0) > KNOWN_FROM for split in measures.judged)


def _forget_notes(before: Evaluated, measures: Measures) -> list[str]:
    unknown = [
        measures.title(split)
        for split in measures.judged
        if before.measured(split) and (before.recall(split) or 0.0) < KNOWN_FROM
    ]
    return [f"{title}: {measures.unknown}" for title in unknown]


def _missing_notes(after: Evaluated, measures: Measures) -> list[str]:
    missing = [words for split, words in measures.expected.items() if not after.measured(split)]
    if not missing:
        return []
    return [f"Not measured, because the model's retain set has nothing to test it with: {', '.join(missing)}."]
