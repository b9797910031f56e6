"""Judges an evaluation by thresholds, and says why in words. Free of torch and of the metric libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.unlearning.evaluation.checks import REFERENCE, Check, Outcome, check, evidence_of
from core.unlearning.evaluation.measures import Measures
from core.unlearning.evaluation.notes import KNOWN_FROM, check_notes, outcome_notes
from core.unlearning.evaluation.results import Evaluated
from core.unlearning.evaluation.thresholds import parse_key, resolve
from core.unlearning.types import EntityKind

NOTHING_MEASURED = "forget.measured"
"""Key of the check that stands for "nobody asked about the subject"; no threshold of that name can be set."""
_SET_ASIDE = "The registered reference model knows this subject itself, so it is left out of the comparison."


@dataclass(frozen=True)
class Verdict:
    """`missed` names the thresholds not met; `notes` what the reader should know besides."""

    passed: bool
    checks: tuple[Check, ...]
    missed: tuple[str, ...]
    notes: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    reference_used: bool = False
    reference: str | None = None
    """What says how a model answers that never learned the subject, in words."""

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


def judge(
    before: Evaluated,
    after: Evaluated,
    measures: Measures,
    *,
    reference: Evaluated | None = None,
    thresholds: Mapping[str, object] | None = None,
    kind: EntityKind = "identity",
) -> Verdict:
    """Whether the model forgot and kept what it should.

    `reference` is a model that never learned the subject; one that turns out to know it is left aside with a note.
    `thresholds` are the request's overrides (`ValueError` when invalid); one that cannot be measured is not met, while
    a default that cannot be measured, or an upper bound that more probes would have to show, is noted. A request that
    nobody could measure forgetting on does not pass.
    """
    overrides, set_aside = thresholds or {}, reference is not None and _knows_subject(reference, measures)
    found = Outcome(measures, before, after, None if set_aside else reference, kind)
    resolved = resolve(overrides, measures, level=after.level, kind=kind)
    checks, unshown = _checks(found, resolved, overrides)
    notes = [*outcome_notes(found), *([_SET_ASIDE] if set_aside else []), *check_notes(measures, checks, unshown)]
    if not any(after.measured(split) for split in measures.judged):
        checks.insert(0, Check(NOTHING_MEASURED, 0.0, 1.0, "at_least", False, measures.nothing_measured))
    missed = tuple(each.key for each in checks if not each.met)
    return Verdict(
        not missed,
        tuple(checks),
        missed,
        tuple(notes),
        resolved,
        found.reference is not None,
        measures.counterfactual if found.reference is None else REFERENCE,
    )


def _checks(
    found: Outcome, resolved: Mapping[str, float], overrides: Mapping[str, object]
) -> tuple[list[Check], list[Check]]:
    """The checks that count, and the upper bounds that so few probes cannot show, though nobody asked for them.

    Of those that count for nothing, the threshold of the share itself says whether too much came out.
    """
    checks = [check(found, key, bound) for key, bound in resolved.items()]
    checks = [each for each in checks if each.value is not None or each.key in overrides]
    unshown = [each for each in checks if each.key not in overrides and _is_out_of_reach(found, each)]
    return [each for each in checks if each not in unshown], unshown


def _is_out_of_reach(found: Outcome, upper: Check) -> bool:
    """Whether an upper bound would be missed even if nothing had come out."""
    key = parse_key(upper.key, found.measures)
    shown = evidence_of(found, key) if key.change == "upper" else None
    return shown is not None and shown.best > upper.bound


def _knows_subject(reference: Evaluated, measures: Measures) -> bool:
    if measures.reference_may_know:
        return False
    return any((reference.recall(split) or 0.0) > KNOWN_FROM for split in measures.judged)
