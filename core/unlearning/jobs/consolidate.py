"""One patch for everybody whom earlier jobs made a model forget: from their recipes, without the subjects' data.

What must stay is measured on the model's registered retain set. Forgetting is measured for those whose requests are
still kept; of the others the report says how much of their own patch's effect is left, and that it was not measured.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.registry import families, load_family
from core.unlearning.jobs.measuring import Measured, make_and_measure, measure
from core.unlearning.jobs.packing import pack
from core.unlearning.jobs.recipes import keep_examples, unpack_recipe
from core.unlearning.jobs.work import JobSetup, Outcome, Work, validated
from core.unlearning.methods.base import Sculpting
from core.unlearning.methods.registry import catalogue, load_sculpting
from core.unlearning.options import ConsolidationOptions
from core.unlearning.types import Example, ForgetRequest

if TYPE_CHECKING:
    from core.unlearning.evaluation.checks import Check
    from core.unlearning.evaluation.measures import Measures
    from core.unlearning.evaluation.results import Evaluated
    from core.unlearning.evaluation.verdict import Verdict

LEAST_EFFECT = 0.4
"""Of what a patch does to its subject's questions, where nobody can ask these any more. Much of that is no forgetting:
of ten people who were forgotten for certain, much less than the whole was left."""


@dataclass(frozen=True)
class EarlierJob:
    """A job whose patch is taken. `request`: what it was asked to forget, as long as that is kept."""

    job_id: str
    patch: Path
    request: ForgetRequest | None = None


def consolidate_job(
    setup: JobSetup, jobs: Sequence[EarlierJob], options: Mapping[str, Any], forgotten: Collection[str] = ()
) -> Outcome:
    """`forgotten`: subjects of the retain set whom one of the jobs has made the model forget: they are not kept.

    Raises and writes what `run_job` does, `InvalidInputError` for a patch that is not genuine, brings no recipe or
    leaves fewer than two, and `BaseMismatchError` for one of another base.
    """
    phases, chosen = setup.begin(), _options(setup.method, options)
    work = Work(setup, phases, chosen, chosen.level, consolidated=tuple(job.job_id for job in jobs))
    method = load_sculpting(setup.method)
    recipes = _recipes(method, jobs, work)
    model = work.load_model()
    names = {name for job in jobs if job.request for name in job.request.entity.names}
    kept = keep_examples(model, work, {*names, *forgotten})
    asked = (*_forget_examples(model, jobs, work), *kept["test"])
    before = measure(work, model, asked)
    result, after = make_and_measure(
        work, model, lambda: method.consolidate(model, recipes, kept["train"], chosen, work.context), asked
    )
    measures, asked_jobs = families()[setup.spec.family].measures, {job.job_id for job in jobs if job.request}
    verdict = verdict_on(before, after, measures, result.effects, asked_jobs)
    return pack(work, result, Measured(before, after, verdict), names=sorted(names))


def _options(method: str, options: Mapping[str, Any]) -> ConsolidationOptions:
    info = catalogue().get(method)
    if info is None or info.consolidation is None:
        raise InvalidInputError(f"the recipes of method {method!r} cannot be consolidated", code="invalid_recipe")
    return validated(info.consolidation, options)


def _recipes(method: Sculpting, jobs: Sequence[EarlierJob], work: Work) -> list[Any]:
    """The opened recipes of all jobs, one after the other."""
    folder, found = work.setup.workdir / "sources", list[Any]()
    for n, job in enumerate(jobs):
        found += method.open_recipe(unpack_recipe(job.patch, work.spec, folder / str(n)), job.job_id)
    return found


def _forget_examples(model: Any, jobs: Sequence[EarlierJob], work: Work) -> list[Example]:
    """The test part of what each job was asked to forget."""
    family, found = load_family(work.spec.family), list[Example]()
    for job in jobs:
        if job.request is not None:
            request = replace(job.request, level=work.level)
            found += family.forget_examples(model, request, work.spec.retain_set, work.seed)
            work.progress.alive()
    return found


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
    return judged.with_check(_effect_check(unasked))


def _effect_check(effects: Sequence[float]) -> Check:
    from core.unlearning.evaluation.checks import Check
    from core.unlearning.evaluation.verdict import NOTHING_MEASURED

    least = min(effects)
    reason = (
        f"Forgetting is not measured for {len(effects)} of the jobs, since the subjects' data is not at hand. Of what "
        f"their own patches do to the subjects' questions, inside the model, {least:.3f} is left at least; "
        f"{LEAST_EFFECT:.3f} is asked."
    )
    return Check(NOTHING_MEASURED, least, LEAST_EFFECT, "at_least", least >= LEAST_EFFECT, reason)
