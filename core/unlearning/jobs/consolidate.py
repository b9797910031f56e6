"""One patch for everybody whom earlier jobs made a model forget: from their recipes, without the subjects' data.

What must stay is measured on the model's registered retain set. Forgetting is measured for those whose requests are
still kept; of the others the report says how much of their own patch's effect is left, and that it was not measured.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.unlearning.families.registry import families, load_family
from core.unlearning.jobs.recipes import kept_questions, open_recipe
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
)
from core.unlearning.methods.base import MethodResult
from core.unlearning.methods.smfa.consolidation import Options
from core.unlearning.progress import Phases, Progress
from core.unlearning.types import Example, ForgetRequest, ModelSpec

if TYPE_CHECKING:
    from core.unlearning.evaluation.measures import Measures
    from core.unlearning.evaluation.results import Evaluated
    from core.unlearning.evaluation.verdict import Check, Verdict
    from core.unlearning.methods.smfa.consolidate import Source
    from core.unlearning.patches.signing import Signer

LEAST_EFFECT = 0.4
"""Of what a patch does to its subject's questions, where nobody can ask these any more. Much of that is no forgetting:
of ten people who were forgotten for certain, much less than the whole was left."""


@dataclass(frozen=True)
class EarlierJob:
    """A job whose patch is taken. `request`: what it was asked to forget, as long as that is kept."""

    job_id: str
    patch: Path
    request: ForgetRequest | None = None


class _Chosen(Options):
    """The options as the manifest has them."""

    jobs: tuple[str, ...]


def consolidate_job(
    jobs: Sequence[EarlierJob],
    spec: ModelSpec,
    method: str,
    options: Mapping[str, Any],
    workdir: Path,
    progress: Progress,
    *,
    signer: Signer,
    job_id: str,
    plan: Mapping[str, Any],
    forgotten: Collection[str] = (),
    record: Mapping[str, str | int | None] | None = None,
    load: Load = load_model,
) -> Outcome:
    """`forgotten`: subjects of the retain set whom one of the jobs has made the model forget: they are not kept.

    Raises and writes what `run_job` does, `InvalidInputError` for a patch that is not genuine, brings no recipe or
    leaves fewer than two, and `BaseMismatchError` for one of another base.
    """
    phases = Phases(progress)
    phases.phase("validating")
    chosen = _Chosen.model_validate({**options, "jobs": [job.job_id for job in jobs]})
    work = Work(spec, method, chosen, workdir, phases, signer, job_id, plan, chosen.level, record or {})
    sources = _sources(jobs, work)
    phases.phase("loading")
    model = load(spec, work.precision)
    names = {name for job in jobs if job.request for name in job.request.entity.names}
    kept = kept_questions(model, spec, work.level, work.seed, {*names, *forgotten})
    asked = (*_forgotten_questions(model, jobs, work), *kept["test"])
    before = measure(work, model, asked)
    with fresh_process(work, model) as fresh:
        result = _put_together(model, sources, kept["train"], work)
        after = measure_packed(work, model, fresh, result.adapter, asked)
    measures, asked_jobs = families()[spec.family].measures, {job.job_id for job in jobs if job.request}
    verdict = verdict_on(before, after, measures, result.details["effects"], asked_jobs)
    return pack(work, result, Measured(before, after, verdict), names=sorted(names))


def _sources(jobs: Sequence[EarlierJob], work: Work) -> list[Source]:
    from core.unlearning.methods.smfa.consolidate import opened
    from core.unlearning.patches.digest import base_digest

    digest = base_digest(work.spec.source, revision=work.spec.revision)
    found = []
    for n, job in enumerate(jobs):
        found += opened(open_recipe(job.patch, digest, work.workdir / "sources" / str(n)), job.job_id)
    return found


def _forgotten_questions(model: Any, jobs: Sequence[EarlierJob], work: Work) -> list[Example]:
    """The test part of what each job was asked to forget."""
    family, found = load_family(work.spec.family), list[Example]()
    for job in jobs:
        if job.request is not None:
            request = replace(job.request, level=work.level)
            found += family.forget_examples(model, request, work.spec.retain_set, work.seed)
            work.progress.alive()
    return found


def _put_together(model: Any, sources: Sequence[Source], kept: Sequence[Example], work: Work) -> MethodResult:
    from core.unlearning.methods.smfa.consolidate import consolidate

    options: Any = work.options
    return consolidate(model, sources, kept, options, work.workdir, work.progress)


def verdict_on(
    before: Evaluated, after: Evaluated, measures: Measures, effects: Mapping[str, float], asked: Collection[str]
) -> Verdict:
    """The usual one, with what is left of their effect for jobs whose subjects nobody can ask about.

    `effects` by job; `asked`: those whose requests are at hand.
    """
    from core.unlearning.evaluation.verdict import judge

    judged = judge(before, after, measures)
    unasked = [effect for job_id, effect in effects.items() if job_id not in asked]
    if not unasked:
        return judged
    check = _effect_check(unasked)
    checks = (check, *(c for c in judged.checks if c.key != check.key))
    missed = tuple(c.key for c in checks if not c.met)
    return replace(judged, passed=not missed, checks=checks, missed=missed, notes=(check.reason, *judged.notes))


def _effect_check(effects: Sequence[float]) -> Check:
    from core.unlearning.evaluation.verdict import NOTHING_MEASURED, Check

    least = min(effects)
    reason = (
        f"Forgetting is not measured for {len(effects)} of the jobs, since the subjects' data is not at hand. Of what "
        f"their own patches do to the subjects' questions, inside the model, {least:.3f} is left at least; "
        f"{LEAST_EFFECT:.3f} is asked."
    )
    return Check(NOTHING_MEASURED, least, LEAST_EFFECT, "at_least", least >= LEAST_EFFECT, reason)
