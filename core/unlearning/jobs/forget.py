"""A job from end to end: from a decrypted request to a packed patch that was measured as its users will load it.

Importing this loads no torch; running a job does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.unlearning.families.registry import families, load_family
from core.unlearning.jobs.measuring import Measured, make_and_measure, measure
from core.unlearning.jobs.packing import pack
from core.unlearning.jobs.work import JobSetup, Outcome, Work, load_model, validate_options
from core.unlearning.methods.registry import load_method
from core.unlearning.types import Example, ForgetRequest

if TYPE_CHECKING:
    from core.unlearning.evaluation.results import Evaluated


def run_job(setup: JobSetup, request: ForgetRequest, options: Mapping[str, Any]) -> Outcome:
    """Forget what the request names, and write patch, report and certificate into the setup's `workdir`.

    The work goes on from what an earlier process has kept in the setup's checkpoints. Raises `UnlearningError`s, and
    lets `StoppedError` through.
    """
    phases, spec, checkpoints = setup.begin(), setup.spec, setup.checkpoints
    work = Work(setup, phases, validate_options(setup.method, spec, options), request.level)
    model, family = work.load_model(), load_family(spec.family)
    with family.caching_answers(model, checkpoints, phases, "data"):
        data = family.build_data(model, request, spec.retain_set, phases, work.seed)
    compare_with = family.reference(spec, data, request.modalities)
    with family.caching_answers(model, checkpoints, phases, "before"):
        before = measure(work, model, data.test)
    method = load_method(setup.method)
    result, after = make_and_measure(
        work, model, lambda: method.run(model, data, work.options, work.context), data.test
    )
    measured = _judge(work, request, before, family.compared(before, after), _reference(work, compare_with, data.test))
    return pack(work, result, measured, names=request.entity.names)


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

    family = load_family(work.spec.family)
    if reference is not None:
        before, after = (family.beside_reference(found, reference) for found in (before, after))
    thresholds, kind = request.thresholds, request.entity.kind
    measures = families()[work.spec.family].measures
    verdict = judge(before, after, measures, reference=reference, thresholds=thresholds, kind=kind)
    work.progress.metric("thresholds_missed", float(len(verdict.missed)))
    return Measured(before, after, verdict, reference)
