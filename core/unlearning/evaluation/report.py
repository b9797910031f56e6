"""The report of a job as JSON values: request, method, metrics and verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from core.unlearning.evaluation.measures import Measures
from core.unlearning.evaluation.results import Evaluated
from core.unlearning.evaluation.verdict import Verdict
from core.unlearning.types import Split

SCHEMA = "lethe.report/1"
_DIGITS = 6


def build(
    *,
    family: str,
    measures: Measures,
    job_id: str,
    model_id: str,
    base_digest: str,
    method: str,
    options: Mapping[str, Any],
    plan: Mapping[str, Any],
    before: Evaluated,
    after: Evaluated,
    verdict: Verdict,
    reference: Evaluated | None = None,
    details: Mapping[str, Any] | None = None,
    timings: Mapping[str, float] | None = None,
    seeds: Mapping[str, int] | None = None,
    samples: Sequence[Mapping[str, Any]] = (),
    limits: Sequence[str] = (),
    created_at: datetime | None = None,
) -> dict[str, Any]:
    """The whole report. `details` is `MethodResult.details` (`sweep`, `k`, `losses`, ...); `timings` seconds by phase.

    `samples` are redacted already. `limits`: what the numbers cannot say. A `reference` that the verdict set aside is
    left out.
    """
    reference = reference if verdict.reference_used else None
    report = {
        "schema": SCHEMA,
        "family": family,
        "created_at": (created_at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "job_id": job_id,
        "model": model_id,
        "base_digest": base_digest,
        "method": method,
        "options": options,
        "plan": plan,
        "level": after.level,
        "verdict": verdict.to_dict(),
        "splits": _splits(before, after, reference, measures),
        "robustness": _robustness(before, after, measures.recall),
        "details": details or {},
        "timings": timings or {},
        "seeds": seeds or {},
        "redacted": True,
        "samples": samples,
        "limits": limits,
        **after.overall(),
    }
    plain: dict[str, Any] = plain_json(report)
    return plain


def public_evaluation(report: Mapping[str, Any]) -> dict[str, Any]:
    """The job's `evaluation` field: the report's numbers and nothing of the subject."""
    verdict = report["verdict"]
    return {
        "level": report["level"],
        "splits": report["splits"],
        "robustness": report["robustness"],
        "thresholds": verdict["thresholds"],
        "missed": verdict["missed"],
        "notes": verdict["notes"],
        "reference": verdict["reference"],
        "checks": [_public_check(check) for check in verdict["checks"]],
    }


def _public_check(check: Mapping[str, Any]) -> dict[str, Any]:
    """Without what it has no value for, and with a reason where it is missed only: there are many."""
    return {
        name: value for name, value in check.items() if value is not None and not (name == "reason" and check["met"])
    }


def plain_json(value: Any) -> Any:
    """Mappings, sequences and numbers as strict JSON knows them: infinity (a value of k) becomes the string "inf"."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else str(value)
    return value


def _splits(before: Evaluated, after: Evaluated, reference: Evaluated | None, measures: Measures) -> dict[str, Any]:
    return {
        split: {
            "count": metrics.count,
            "known": metrics.known,
            "metrics": {metric: _values(split, metric, before, after, reference) for metric in measures.metrics},
            **after.beside(split),
        }
        for split, metrics in after.splits.items()
    }


def _robustness(before: Evaluated, after: Evaluated, recall: str) -> list[dict[str, Any]]:
    """Each check with the recall under it before: pressure alone may already make a model decline."""
    then = {(check.check, check.split): getattr(check, recall) for check in before.robustness}
    return [{**asdict(check), f"{recall}_before": then.get((check.check, check.split))} for check in after.robustness]


def _values(
    split: Split, metric: str, before: Evaluated, after: Evaluated, reference: Evaluated | None
) -> dict[str, float | None]:
    values = {"before": before.value(split, metric), "after": after.value(split, metric)}
    return {**values, "reference": reference.value(split, metric)} if reference else values
