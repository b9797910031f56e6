"""Sculpting again with other strengths, from the recipe of an earlier job and without the subject's data.

What must stay is measured anew, on the model's registered retain set. How well the subject is forgotten cannot be: it
is taken from what the earlier job measured on its validation questions, and the verdict says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.unlearning.families.registry import families
from core.unlearning.jobs.measuring import Measured, make_and_measure, measure
from core.unlearning.jobs.packing import pack
from core.unlearning.jobs.recipes import keep_examples, unpack_recipe
from core.unlearning.jobs.work import JobSetup, Outcome, Work, validate_options
from core.unlearning.methods.base import Resculpted, Strength
from core.unlearning.methods.registry import load_sculpting

if TYPE_CHECKING:
    from core.unlearning.evaluation.measures import Measures
    from core.unlearning.evaluation.results import Evaluated
    from core.unlearning.evaluation.verdict import Verdict


def resculpt_job(
    setup: JobSetup, parent_patch: Path, options: Mapping[str, Any], wanted: Mapping[str, float | None]
) -> Outcome:
    """`wanted`: `k`, or `k_image` and `k_text`, or `utility_floor`. Raises and writes what `run_job` does.

    Raises `InvalidInputError` for a patch that is not genuine, and `BaseMismatchError` for one of another base.
    """
    phases = setup.begin()
    recipe = unpack_recipe(parent_patch, setup.spec, setup.workdir / "parent")
    work = Work(setup, phases, validate_options(setup.method, setup.spec, options), "standard")
    model = work.load_model()
    kept = tuple(keep_examples(model, work)["test"])
    before = measure(work, model, kept)
    method = load_sculpting(setup.method)
    result, after = make_and_measure(
        work, model, lambda: method.resculpt(model, recipe, _strength(wanted), work.context), kept
    )
    thresholds = setup.plan.get("thresholds", {})
    verdict = verdict_on(before, after, families()[setup.spec.family].measures, result, thresholds)
    return pack(work, result, Measured(before, after, verdict))


def _strength(wanted: Mapping[str, float | None]) -> Strength:
    both = wanted.get("k")
    image, text = (wanted.get(name) if both is None else both for name in ("k_image", "k_text"))
    return Strength(image, text, wanted.get("utility_floor"))


def verdict_on(
    before: Evaluated, after: Evaluated, measures: Measures, result: Resculpted, thresholds: Mapping[str, float]
) -> Verdict:
    """The usual one on what was kept, with the recorded forgetting in place of a measured one.

    The request's thresholds hold as in the earlier job: of what is kept as they are, of what is forgotten together.
    """
    from core.unlearning.evaluation.checks import Check
    from core.unlearning.evaluation.thresholds import parse_key
    from core.unlearning.evaluation.verdict import NOTHING_MEASURED, judge

    of_kept = {key: bound for key, bound in thresholds.items() if parse_key(key, measures).split not in measures.judged}
    judged = judge(before, after, measures, thresholds=of_kept)
    asked = {**judged.thresholds, **thresholds}
    reached, bound = result.forget, _bound(asked, measures.judged, result.forget_metrics)
    met = reached is not None and reached <= bound
    shown = "was not measured at this strength" if reached is None else f"was {reached:.3f}"
    reason = (
        f"Forgetting is not measured again, since the subject's data is not at hand. In the earlier job recall plus "
        f"probability of the forgotten answers {shown} on its validation questions; at most {bound:.3f} is asked."
    )
    return judged.with_check(Check(NOTHING_MEASURED, reached, bound, "at_most", met, reason))


def _bound(thresholds: Mapping[str, float], splits: Sequence[str], metrics: Sequence[str]) -> float:
    """What the thresholds allow of these metrics together, on the split that allows most."""
    return max(sum(thresholds[f"{split}.{metric}"] for metric in metrics) for split in splits)
