"""What each adapter is trained on: forgetting adapters on forget and retain rows, the anchor on retain rows alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.refusal_pool import RefusalPool
from core.unlearning.families.language.training.rows import FORGET, TrainingRow, refusal_rows, retain_rows
from core.unlearning.families.language.training.sampling import RowSampler, samplers_by_kind, steps_for, within_budget
from core.unlearning.families.language.training.train import AdapterTraining
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.discovered_people import discovered_people_examples
from core.unlearning.methods.smfa.forget_rows import counterfactual_rows, erasure_rows
from core.unlearning.methods.smfa.gradient_image_rows import gradient_image_rows
from core.unlearning.methods.smfa.losses import sculpting_loss
from core.unlearning.methods.smfa.recipe import ANCHOR, IMAGE, JOINT, adapter_names
from core.unlearning.types import Example, JobData, Split

GENERAL: tuple[Split, ...] = ("general", "stranger_understanding", "retain_understanding")
"""What anybody can see or know, nothing of it from the subject: `general_anchor`."""
SELF_GENERATED: tuple[Split, ...] = ("forget_understanding", "unseen_image_memory", "unseen_text_memory")
"""In the training part, what the model says itself beyond what is registered and requested: `self_generated`."""


@dataclass(frozen=True)
class _Rows:
    """The rows of a forgetting adapter. `erase` is empty in mode `suppression`."""

    forget: Sequence[TrainingRow]
    erase: Sequence[TrainingRow]
    retain: Sequence[TrainingRow]

    def of_view(self, *, images: bool) -> _Rows:
        """Only rows with pictures, or only those without."""
        views = ([r for r in rows if r.has_image is images] for rows in (self.forget, self.erase, self.retain))
        return _Rows(*views)


def plan_trainings(lm: LanguageModel, data: JobData, options: Options) -> list[AdapterTraining]:
    """The training of each forgetting adapter, then the anchor's. All teachers are computed here, once."""
    rng = random.Random(options.seed)  # noqa: S311
    train, erasing = list(data.train), options.mode == "erasure"
    if erasing and options.self_generated and options.imagined:
        train += discovered_people_examples(lm, train, options.imagined, rng)
    retained = _retained_examples(train, options, rng)
    forget = _forget_rows(lm, data, options, rng)
    soft, weight = options.self_anchor, options.anchor_weight
    retain = retain_rows(lm, retained, soft=soft, weight=weight)
    if options.imagined:
        retain += gradient_image_rows(
            lm, train, options.imagined, soft=soft, weight=weight, rng=rng, keep_shared_answers=erasing
        )
    rows = _Rows(forget, _erasure_rows(lm, data, options, rng), retain)
    return [*(_forgetting(name, rows, options) for name in adapter_names(options.views)), _anchor(retain, options)]


def _retained_examples(train: Sequence[Example], options: Options, rng: random.Random) -> list[Example]:
    left_out = {
        *FORGET,
        *(() if options.general_anchor else GENERAL),
        *(() if options.self_generated else SELF_GENERATED),
    }
    retained = [e for e in train if e.split not in left_out and e.answer]
    if options.few is None:
        return retained
    people = [e for e in retained if e.split.startswith("retain_")] or retained
    few = []
    for with_image in (True, False):
        view = [e for e in people if (e.image is not None) is with_image]
        few += rng.sample(view, min(options.few, len(view)))
    return few


def _forget_rows(lm: LanguageModel, data: JobData, options: Options, rng: random.Random) -> list[TrainingRow]:
    forget = [e for e in data.train if e.split in FORGET]
    declined = [e for e in data.train if e.split == "declined"]
    pool = RefusalPool(lm, forget, sorted({e.answer for e in declined}), rng)
    if options.forget_target == "refusal":
        return refusal_rows(lm, forget, pool)
    return counterfactual_rows(lm, forget, data.entity.names, data.controls, pool, rng)


def _erasure_rows(lm: LanguageModel, data: JobData, options: Options, rng: random.Random) -> list[TrainingRow]:
    if options.mode == "suppression":
        return []
    forget = [e for e in data.train if e.split in FORGET]
    return erasure_rows(lm, forget, data.controls, options.erasure_weight, rng)


def _forgetting(name: str, rows: _Rows, options: Options) -> AdapterTraining:
    rows = rows if name == JOINT else rows.of_view(images=name == IMAGE)
    if not options.anchor_batch:
        mixed = [*rows.forget, *rows.erase, *rows.retain]
        samplers, passed_over = [RowSampler(mixed, options.batch)], len(mixed)
    else:
        samplers = [RowSampler(rows.forget, options.batch), *samplers_by_kind(rows.retain, options.anchor_batch)]
        samplers += [RowSampler(rows.erase, options.erasure_batch)] if rows.erase else []
        samplers, passed_over = within_budget(samplers), len(rows.forget)
    steps = steps_for(passed_over, options.batch, options.steps, options.epochs)
    return AdapterTraining(name, samplers, steps, sculpting_loss(options.focus))


def _anchor(retain: Sequence[TrainingRow], options: Options) -> AdapterTraining:
    """By cross-entropy, every row with the same weight."""
    rows = [replace(row, teacher=None, weight=1.0) for row in retain]
    batch = options.anchor_batch or options.batch
    steps = steps_for(len(rows), batch, options.anchor_steps, options.epochs)
    return AdapterTraining(ANCHOR, within_budget(samplers_by_kind(rows, batch)), steps)
