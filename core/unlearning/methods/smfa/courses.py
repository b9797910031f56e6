"""What each adapter is trained on: the forgetting adapters on both sets, the anchor on what is kept alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from core.unlearning.families.mllm.model import MultimodalLM
from core.unlearning.families.mllm.training.draws import Draw, shares, steps_for
from core.unlearning.families.mllm.training.refusals import RefusalPool
from core.unlearning.families.mllm.training.rows import FORGET, Row, keep_rows, refusal_rows
from core.unlearning.families.mllm.training.train import Course
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.recipe import ANCHOR, IMAGE, JOINT, adapter_names
from core.unlearning.methods.smfa.rows import counterfactual_rows
from core.unlearning.types import Example, JobData


def plan(lm: MultimodalLM, data: JobData, options: Options) -> list[Course]:
    """One course for each forgetting adapter, then the anchor's. All teacher targets are computed here, once."""
    rng = random.Random(options.seed)  # noqa: S311
    kept = _kept(data.train, options, rng)
    forget = _forget_rows(lm, data.train, options, rng)
    keep = keep_rows(lm, kept, soft=options.self_anchor, weight=options.anchor_weight)
    anchor = [replace(row, soft=None, weight=1.0) for row in keep]
    courses = [_forgetting(name, forget, keep, options) for name in adapter_names(options.views)]
    count = options.anchor_batch or options.batch
    steps = steps_for(len(anchor), count, options.anchor_steps, options.epochs)
    return [*courses, Course(ANCHOR, shares(anchor, count), steps)]


def _kept(train: Sequence[Example], options: Options, rng: random.Random) -> list[Example]:
    kept = [e for e in train if e.split not in FORGET and e.answer]
    if options.few is None:
        return kept
    people = [e for e in kept if e.split.startswith("retain_")] or kept
    few = []
    for with_image in (True, False):
        view = [e for e in people if (e.image is not None) is with_image]
        few += rng.sample(view, min(options.few, len(view)))
    return few


def _forget_rows(lm: MultimodalLM, train: Sequence[Example], options: Options, rng: random.Random) -> list[Row]:
    forget = [e for e in train if e.split in FORGET]
    declined = [e for e in train if e.split == "declined"]
    pool = RefusalPool(lm, forget, sorted({e.answer for e in declined}), rng)
    if options.forget_target == "refusal":
        return refusal_rows(lm, forget, pool)
    return counterfactual_rows(lm, forget, declined, pool, rng)


def _forgetting(name: str, forget: Sequence[Row], keep: Sequence[Row], options: Options) -> Course:
    if name != JOINT:
        forget = [row for row in forget if row.has_image is (name == IMAGE)]
        keep = [row for row in keep if row.has_image is (name == IMAGE)]
    if not options.anchor_batch:
        mixed = [*forget, *keep]
        return Course(
            name, [Draw(mixed, options.batch)], steps_for(len(mixed), options.batch, options.steps, options.epochs)
        )
    steps = steps_for(len(forget), options.batch, options.steps, options.epochs)
    return Course(name, [Draw(forget, options.batch), *shares(keep, options.anchor_batch)], steps)
