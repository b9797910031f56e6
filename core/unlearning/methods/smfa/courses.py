"""What each adapter is trained on: the forgetting adapters on both sets, the anchor on what is kept alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.training.refusal_pool import RefusalPool
from core.unlearning.families.mllm.training.rows import FORGET, TrainingRow, refusal_rows, retain_rows
from core.unlearning.families.mllm.training.sampling import RowSampler, samplers_by_kind, steps_for
from core.unlearning.families.mllm.training.train import AdapterTraining
from core.unlearning.methods.smfa.acquaintances import more_acquaintances
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.losses import sculpting
from core.unlearning.methods.smfa.others import imagined_rows
from core.unlearning.methods.smfa.recipe import ANCHOR, IMAGE, JOINT, adapter_names
from core.unlearning.methods.smfa.rows import counterfactual_rows, erasure_rows
from core.unlearning.types import Example, JobData, Split

GENERAL: tuple[Split, ...] = ("general", "stranger_understanding", "retain_understanding")
"""What anybody can see or know, and nothing of it from the subject."""
OWN_WORDS: tuple[Split, ...] = ("forget_understanding", "unseen_image_memory", "unseen_text_memory")
"""In the training part, what the model says itself beyond what is registered and requested."""


def plan(lm: MultimodalLM, data: JobData, options: Options) -> list[AdapterTraining]:
    """One course for each forgetting adapter, then the anchor's. All teacher targets are computed here, once."""
    rng = random.Random(options.seed)  # noqa: S311
    train, erasing = list(data.train), options.mode == "erasure"
    if erasing and options.self_generated and options.imagined:
        train += more_acquaintances(lm, train, options.imagined, rng)
    kept = _kept(train, options, rng)
    forget = _forget_rows(lm, train, options, rng)
    keep = retain_rows(lm, kept, soft=options.self_anchor, weight=options.anchor_weight)
    if options.imagined:
        count, soft, weight = options.imagined, options.self_anchor, options.anchor_weight
        keep += imagined_rows(lm, train, count, soft=soft, weight=weight, rng=rng, shared=erasing)
    anchor = [replace(row, teacher=None, weight=1.0) for row in keep]
    erase = _erase_rows(lm, train, options, rng)
    courses = [_forgetting(name, forget, erase, keep, options) for name in adapter_names(options.views)]
    count = options.anchor_batch or options.batch
    steps = steps_for(len(anchor), count, options.anchor_steps, options.epochs)
    return [*courses, AdapterTraining(ANCHOR, samplers_by_kind(anchor, count), steps)]


def _kept(train: Sequence[Example], options: Options, rng: random.Random) -> list[Example]:
    left_out = {*FORGET, *(() if options.general_anchor else GENERAL), *(() if options.self_generated else OWN_WORDS)}
    kept = [e for e in train if e.split not in left_out and e.answer]
    if options.few is None:
        return kept
    people = [e for e in kept if e.split.startswith("retain_")] or kept
    few = []
    for with_image in (True, False):
        view = [e for e in people if (e.image is not None) is with_image]
        few += rng.sample(view, min(options.few, len(view)))
    return few


def _forget_rows(lm: MultimodalLM, train: Sequence[Example], options: Options, rng: random.Random) -> list[TrainingRow]:
    forget = [e for e in train if e.split in FORGET]
    declined = [e for e in train if e.split == "declined"]
    pool = RefusalPool(lm, forget, sorted({e.answer for e in declined}), rng)
    if options.forget_target == "refusal":
        return refusal_rows(lm, forget, pool)
    return counterfactual_rows(lm, forget, declined, pool, rng)


def _erase_rows(lm: MultimodalLM, train: Sequence[Example], options: Options, rng: random.Random) -> list[TrainingRow]:
    if options.mode == "suppression":
        return []
    forget = [e for e in train if e.split in FORGET]
    return erasure_rows(lm, forget, [e for e in train if e.split == "declined"], options.erasure_weight, rng)


def _forgetting(
    name: str,
    forget: Sequence[TrainingRow],
    erase: Sequence[TrainingRow],
    keep: Sequence[TrainingRow],
    options: Options,
) -> AdapterTraining:
    if name != JOINT:
        forget, erase, keep = ([r for r in rows if r.has_image is (name == IMAGE)] for rows in (forget, erase, keep))
    steps, loss = options.steps, sculpting(options.focus)
    if not options.anchor_batch:
        mixed = [*forget, *erase, *keep]
        return AdapterTraining(
            name, [RowSampler(mixed, options.batch)], steps_for(len(mixed), options.batch, steps, options.epochs), loss
        )
    draws = [RowSampler(forget, options.batch), *samplers_by_kind(keep, options.anchor_batch)]
    if erase:
        draws.append(RowSampler(erase, options.erasure_batch))
    return AdapterTraining(name, draws, steps_for(len(forget), options.batch, steps, options.epochs), loss)
