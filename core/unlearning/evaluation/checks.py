"""One threshold against what was measured, with the reason in words. Free of torch and of the metric libraries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.unlearning.evaluation.evidence import Evidence, in_words, weigh
from core.unlearning.evaluation.measures import GROUP, Measures, StandIn
from core.unlearning.evaluation.results import Evaluated, Outcomes
from core.unlearning.evaluation.thresholds import ThresholdKey, parse_key
from core.unlearning.types import EntityKind

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
    count: int | None = None
    """Number of probes that the value is a share of."""
    failed: int | None = None
    """How many of them were not as wanted; None where an outcome is more than yes or no."""
    clusters: int | None = None
    """How many of them stand by themselves: see `evidence`."""
    upper: float | None = None
    """Of a value that must be low, of a drop or a rise: it is below this at 95 %."""
    lower: float | None = None
    """Of a value that must be high: it is above this at 95 %."""
    evidence: str | None = None
    """These numbers in words."""


@dataclass(frozen=True)
class Outcome:
    """All that is known of a request's outcome."""

    measures: Measures
    before: Evaluated
    after: Evaluated
    reference: Evaluated | None
    kind: EntityKind


def check(found: Outcome, name: str, bound: float) -> Check:
    """The threshold of that key."""
    key = parse_key(name, found.measures)
    if key.change == "gap":
        return _gap_check(found, key, name, bound)
    floor, shown = key.bound_is_floor(found.measures), evidence_of(found, key)
    value, bound = _value(found, key, shown), bound + _of_reference(found, key)
    met = value is not None and (value >= bound - _ROUNDING if floor else value <= bound + _ROUNDING)
    words = None if shown is None else _in_words(found.measures, key, shown, floor=floor)
    reason = _reason(found.measures, key, value, bound, floor, met, words)
    direction: Literal["at_most", "at_least"] = "at_least" if floor else "at_most"
    if shown is None:
        return Check(name, value, bound, direction, met, reason)
    return Check(
        name,
        value,
        bound,
        direction,
        met,
        reason,
        count=shown.count,
        failed=shown.failed,
        clusters=shown.clusters,
        upper=None if floor else shown.upper,
        lower=1 - shown.upper if floor else None,
        evidence=words,
    )


def evidence_of(found: Outcome, key: ThresholdKey) -> Evidence | None:
    """How sure the value is; None where it is no share of probes."""
    failures = _failures(found, key)
    return weigh(failures) if failures and failures.values else None


def what(measures: Measures, key: ThresholdKey) -> str:
    """Split and metric, as a sentence begins."""
    return f"{measures.title(key.split)}: {measures.metrics[key.metric].lower()}"


def _failures(found: Outcome, key: ThresholdKey) -> Outcomes | None:
    """Of each probe, in [0, 1], how far it is not as wanted. A gain of one does not make up for another's loss."""
    now = found.after.outcomes(key.split, key.metric)
    if now is None or key.change in (None, "upper"):
        floor = key.bound_is_floor(found.measures)
        return now and Outcomes(tuple(1 - v if floor else v for v in now.values), now.clusters)
    then = found.before.outcomes(key.split, key.metric)
    if then is None or then.clusters != now.clusters or key.change == "gap":
        return None
    sign = 1 if key.change == "drop" else -1
    changes = (sign * (b - a) for b, a in zip(then.values, now.values, strict=True))
    return Outcomes(tuple(max(0.0, change) for change in changes), now.clusters)


def _of_reference(found: Outcome, key: ThresholdKey) -> float:
    """What a model has that never learned the subject may be had too."""
    above = key.split in found.measures.judged and key.metric in found.measures.above_reference
    if found.reference is None or not above or key.change not in (None, "upper"):
        return 0.0
    return found.reference.value(key.split, key.metric) or 0.0


def _gap_check(found: Outcome, key: ThresholdKey, name: str, bound: float) -> Check:
    """Far below what a model has that never learned the subject is as wrong as far above."""
    value, target = found.after.value(key.split, key.metric), _target(found, key)
    if value is None or target is None:
        return Check(name, None, bound, "at_most", False, _reason(found.measures, key, None, bound, False, False, None))
    gap, bound = abs(value - target.value), bound + target.slack
    met = gap <= bound + _ROUNDING
    reason = (
        f"{what(found.measures, key)} is {value:.3f}, {gap:.3f} from the {target.value:.3f} of {target.words}; "
        f"at most {bound:.3f} is {'asked, so this is met' if met else 'asked'}."
    )
    return Check(name, gap, bound, "at_most", met, reason, target.value, target.words)


def _target(found: Outcome, key: ThresholdKey) -> StandIn | None:
    """The reference's value, or what stands in for it."""
    value = found.reference.value(key.split, key.metric) if found.reference else None
    if value is not None:
        return StandIn(value, 0.0, REFERENCE)
    return found.measures.stand_in(found.before, found.after, found.kind, key.split, key.metric)


def _value(found: Outcome, key: ThresholdKey, shown: Evidence | None) -> float | None:
    if key.change == "upper":
        return None if shown is None else shown.upper
    now, then = (each.value(key.split, key.metric) for each in (found.after, found.before))
    if key.change is None or now is None:
        return now
    if then is None:
        return None
    return then - now if key.change == "drop" else now - then


def _in_words(measures: Measures, key: ThresholdKey, shown: Evidence, *, floor: bool) -> str:
    has, has_not = measures.counted.get(key.metric, ("so", "not so"))
    failing = {"drop": has_not, "rise": f"newly {has}"}.get(key.change or "", has_not if floor else has)
    return f"{in_words(shown, failing, measures.units.get(key.split, GROUP))} (95 % sure)"


def _reason(
    measures: Measures,
    key: ThresholdKey,
    value: float | None,
    bound: float,
    floor: bool,
    met: bool,
    evidence: str | None,
) -> str:
    if value is None:
        return f"{what(measures, key)} could not be measured, though the request sets a threshold for it."
    limit = f"{'at least' if floor else 'at most'} {bound:.3f}"
    verb = {"drop": "fell by", "rise": "rose by", "upper": "is below"}.get(key.change or "", "is")
    asked = f"is {'asked, so this is met' if met else 'asked'}."
    if evidence is None:
        return f"{what(measures, key)} {verb} {value:.3f}; {limit} {asked}"
    return f"{what(measures, key)} {verb} {value:.3f}: {evidence}. {limit[:1].upper()}{limit[1:]} {asked}"
