"""Sculpting again with other strengths, from the recipe of an earlier job and without the subject's data.

What must stay is measured anew, on the model's registered retain set. How well the subject is forgotten cannot be: it
is taken from what the earlier job measured on its validation questions, and the verdict says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.unlearning.families.registry import families
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
from core.unlearning.jobs.work import validate_options as _validate
from core.unlearning.methods.base import MethodResult
from core.unlearning.methods.registry import load_method
from core.unlearning.progress import Phases, Progress
from core.unlearning.types import Level, ModelSpec

if TYPE_CHECKING:
    from core.unlearning.evaluation.measures import Measures
    from core.unlearning.evaluation.results import Evaluated
    from core.unlearning.evaluation.verdict import Verdict
    from core.unlearning.patches.signing import Signer

_MEASURED = "forget.measured"


def resculpt_job(
    parent_patch: Path,
    spec: ModelSpec,
    method: str,
    options: Mapping[str, Any],
    wanted: Mapping[str, float | None],
    workdir: Path,
    progress: Progress,
    *,
    signer: Signer,
    job_id: str,
    plan: Mapping[str, Any],
    level: Level = "standard",
    record: Mapping[str, str | int | None] | None = None,
    load: Load = load_model,
) -> Outcome:
    """`wanted`: `k`, or `k_image` and `k_text`, or `utility_floor`. Raises and writes what `run_job` does.

    Raises `InvalidInputError` for a patch that is not genuine, and `BaseMismatchError` for one of another base.
    """
    from core.unlearning.patches.digest import base_digest

    phases = Phases(progress)
    phases.phase("validating")
    recipe = open_recipe(parent_patch, base_digest(spec.source, revision=spec.revision), workdir / "parent")
    chosen = _validate(method, spec, options)
    work = Work(spec, method, chosen, workdir, phases, signer, job_id, plan, level, record or {})
    phases.phase("loading")
    model = load(spec, work.precision)
    kept = tuple(kept_questions(model, spec, level, work.seed)["test"])
    before = measure(work, model, kept)
    with fresh_process(work, model) as fresh:
        result = _sculpt(model, recipe, wanted, work)
        after = measure_packed(work, model, fresh, result.adapter, kept)
    verdict = _verdict(before, after, families()[spec.family].measures, result.details)
    return pack(work, result, Measured(before, after, verdict))


def _sculpt(model: Any, recipe: Path, wanted: Mapping[str, float | None], work: Work) -> MethodResult:
    method: Any = load_method(work.method)
    both = wanted.get("k")
    result: MethodResult = method.resculpt(
        model,
        recipe,
        k_image=both if both is not None else wanted.get("k_image"),
        k_text=both if both is not None else wanted.get("k_text"),
        utility_floor=wanted.get("utility_floor"),
        workdir=work.workdir,
        progress=work.progress,
    )
    return result


def _verdict(before: Evaluated, after: Evaluated, measures: Measures, details: Mapping[str, Any]) -> Verdict:
    """The usual one on what was kept, with the recorded forgetting in place of a measured one."""
    from core.unlearning.evaluation.verdict import Check, judge

    judged = judge(before, after, measures)
    reached, bound = _recorded(details), _bound(judged.thresholds, measures.judged)
    met = reached is not None and reached <= bound
    shown = "was not measured at this strength" if reached is None else f"was {reached:.3f}"
    reason = (
        f"Forgetting is not measured again, since the subject's data is not at hand. In the earlier job recall plus "
        f"probability of the forgotten answers {shown} on its validation questions; at most {bound:.3f} is asked."
    )
    check = Check(_MEASURED, reached, bound, "at_most", met, reason)
    checks = (check, *(c for c in judged.checks if c.key != _MEASURED))
    missed = tuple(c.key for c in checks if not c.met)
    return replace(judged, passed=not missed, checks=checks, missed=missed, notes=(reason, *judged.notes))


def _bound(thresholds: Mapping[str, float], splits: Sequence[str]) -> float:
    """What the default thresholds allow of recall and probability together."""
    return max(thresholds[f"{split}.exact"] + thresholds[f"{split}.sequence_probability"] for split in splits)


def _recorded(details: Mapping[str, Any]) -> float | None:
    """What the earlier job measured with these strengths, failing that with the nearest that forget less."""
    image, text = float(details["k_image"]), float(details["k_text"])
    weaker = [p for p in details["curve"] if float(p["k_image"]) <= image and float(p["k_text"]) <= text]
    nearest = max(weaker, key=lambda p: (float(p["k_image"]), float(p["k_text"])), default=None)
    return None if nearest is None else float(nearest["forget"])
