"""A job from end to end: from a decrypted request to a packed patch that was measured as its users will load it.

Importing this loads no torch; running a job does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.unlearning.checkpoints import NO_CHECKPOINTS, Checkpoints
from core.unlearning.families.registry import families, load_family
from core.unlearning.jobs.work import (
    Load,
    Measured,
    Outcome,
    Work,
    fresh_process,
    load_model,
    measure,
    measure_packed,
    pack,
    validate_options,
)
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import load_method
from core.unlearning.progress import Phases, Progress
from core.unlearning.types import Example, ForgetRequest, ModelSpec

if TYPE_CHECKING:
    from core.unlearning.evaluation.results import Evaluated
    from core.unlearning.patches.signing import Signer


def run_job(
    request: ForgetRequest,
    spec: ModelSpec,
    method: str,
    options: Mapping[str, Any],
    workdir: Path,
    progress: Progress,
    *,
    signer: Signer,
    job_id: str,
    plan: Mapping[str, Any],
    record: Mapping[str, str | int | None] | None = None,
    load: Load = load_model,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> Outcome:
    """Forget what the request names, and write patch, report and certificate into `workdir`.

    `load` may keep models between jobs: the base weights are left as they were. The work goes on from what an earlier
    process has kept in `checkpoints`. Raises `UnlearningError`s, and lets `StoppedError` through.
    """
    phases = Phases(progress)
    phases.phase("validating")
    chosen = validate_options(method, spec, options)
    work = Work(spec, method, chosen, workdir, phases, signer, job_id, plan, request.level, record or {})
    phases.phase("loading")
    model = load(spec, work.precision)
    family = load_family(spec.family)
    with family.caching_answers(model, checkpoints, phases, "data"):
        data = family.build_data(model, request, spec.retain_set, phases, work.seed)
    compare_with = family.reference(spec, data, request.modalities)
    with family.caching_answers(model, checkpoints, phases, "before"):
        before = measure(work, model, data.test)
    with fresh_process(work, model) as fresh:
        result = load_method(method).run(model, data, chosen, JobContext(workdir, phases, checkpoints))
        after = measure_packed(work, model, fresh, result.adapter, data.test)
    measured = _judge(work, request, before, family.compared(before, after), _reference(work, compare_with, data.test))
    return pack(work, result, measured, names=request.entity.names, redact=request.redact)


def _reference(work: Work, source: str | None, examples: Sequence[Example]) -> Evaluated | None:
    """What a model at `source` says that never learned the subject."""
    if source is None:
        return None
    asked = families()[work.spec.family].measures.asked_of_reference
    oracle = replace(work.spec, source=source, revision=None)
    return measure(work, load_model(oracle, work.precision), [e for e in examples if e.split in asked])


def _judge(
    work: Work, request: ForgetRequest, before: Evaluated, after: Evaluated, reference: Evaluated | None
) -> Measured:
    from core.unlearning.evaluation.verdict import judge

    family, replaced = load_family(work.spec.family), request.replacement is not None
    if reference is not None:
        before, after = (family.beside_reference(found, reference) for found in (before, after))
    thresholds, kind = request.thresholds, request.entity.kind
    measures = families()[work.spec.family].measures
    verdict = judge(
        before, after, measures, reference=reference, thresholds=thresholds, replacement=replaced, kind=kind
    )
    work.progress.metric("thresholds_missed", float(len(verdict.missed)))
    return Measured(before, after, verdict, reference)
