"""Train one LoRA under a method's loss: the base class of methods that need no more than that."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.model.frozen import caching_answers
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.target_modules import default_targets, early_mlp_targets, match_modules
from core.unlearning.families.language.options import Keeping, Steps, Stopping, Targeted
from core.unlearning.families.language.training.adapters import activate_adapter, save_adapter, with_adapters
from core.unlearning.families.language.training.heldout import HeldOutQuestions
from core.unlearning.families.language.training.refusal_pool import RefusalPool
from core.unlearning.families.language.training.resume import TrainingState
from core.unlearning.families.language.training.row_losses import RowLoss
from core.unlearning.families.language.training.rows import FORGET, TrainingRow, retain_rows, with_weight
from core.unlearning.families.language.training.sampling import RowSampler, samplers_by_kind
from core.unlearning.families.language.training.train import AdapterTraining, train
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.types import Example, JobData

ADAPTER = "forgetting"
_CHECK_EVERY = 5
"""Steps between two checks whether to stop."""
_MAX_LOSSES = 100
"""Losses in a report, about."""


@dataclass(frozen=True)
class LoraTask:
    """What a method trains on: rows to forget, rows to keep, and the loss of both."""

    forget: Sequence[TrainingRow]
    loss: RowLoss
    keep: Sequence[TrainingRow] = ()


def forget_examples(data: JobData) -> list[Example]:
    """Training examples to forget. Raises `InvalidInputError` where there is none."""
    examples = [e for e in data.train if e.split in FORGET]
    if not examples:
        raise InvalidInputError("the request brings nothing that can be forgotten", code="nothing_to_forget")
    return examples


def retain_examples(data: JobData) -> list[Example]:
    """Training examples to keep that have an answer."""
    return [e for e in data.train if e.split not in FORGET and e.answer]


def retain_answer_rows(lm: LanguageModel, data: JobData) -> list[TrainingRow]:
    """Retain rows, trained by cross-entropy on their answers."""
    return retain_rows(lm, retain_examples(data), soft=False, weight=1.0)


def retain_distribution_rows(lm: LanguageModel, data: JobData) -> list[TrainingRow]:
    """Retain rows, trained by KL(frozen || trained) at every token of their answers."""
    return retain_rows(lm, retain_examples(data), soft=True, weight=1.0)


def refusals_for(lm: LanguageModel, data: JobData, seed: int) -> RefusalPool:
    """The refusals to sample from: the built-in ones and the model's own."""
    own = sorted({e.answer for e in data.train if e.split == "declined"})
    return RefusalPool(lm, forget_examples(data), own, random.Random(seed))  # noqa: S311


def targets_of(lm: LanguageModel, options: Targeted) -> str:
    """The pattern of the linear layers to adapt. Raises `InvalidInputError` where it selects none."""
    chosen_by = {"early_mlp": early_mlp_targets, "language_model": default_targets}[options.targets]
    targets = options.target_modules or chosen_by(lm.model)
    match_modules(lm.model, targets)
    return targets


class LoraForgetting(ABC):
    """A method that trains one LoRA; a subclass defines the rows and the loss."""

    @abstractmethod
    def task(self, lm: LanguageModel, data: JobData, options: Any) -> LoraTask:
        """The rows and the loss. Called once, before training; the frozen model's answers go into checkpoints."""

    def run(self, model: LanguageModel, data: JobData, options: Any, job: JobContext) -> MethodResult:
        """Write `job.adapter`, a LoRA that PEFT loads. Leaves the model unchanged."""
        targets = self.targets(model, options)
        with caching_answers(model, job.checkpoints, job.progress, "targets", large=True):
            training = training_of(self.task(model, data, options), options, stop_criterion(model, data, options))
        state = TrainingState(job.checkpoints, [ADAPTER], options)
        job.progress.phase("training", training.steps, done=state.steps_done)
        with with_adapters(model.model, [ADAPTER], targets, options) as wrapped:
            train(model, wrapped, activate_adapter(wrapped, ADAPTER), training, options, job.progress, state)
            save_adapter(wrapped, ADAPTER, job.adapter, model.source)
        return MethodResult(job.adapter, details={**training_details(training), "target_modules": targets})

    def targets(self, lm: LanguageModel, options: Any) -> str:
        """The pattern of the linear layers to adapt."""
        return targets_of(lm, options)


def stop_criterion(
    lm: LanguageModel, data: JobData, options: Steps, *, images: bool | None = None
) -> Callable[[], bool] | None:
    """Whether to stop before the last step, for options with `stop_below`. `images`: judge by one view only."""
    below = options.stop_below if isinstance(options, Stopping) else None
    if below is None:
        return None
    held = HeldOutQuestions(lm, data.validation)
    return lambda: held.forgotten(below, images=images)


def training_of(task: LoraTask, options: Steps, criterion: Callable[[], bool] | None) -> AdapterTraining:
    """A step's loss is the mean over the rows to forget plus `retain_weight` times the mean over the rows to keep."""
    samplers = [RowSampler(task.forget, options.batch)]
    if task.keep and isinstance(options, Keeping) and options.retain_weight:
        retain = samplers_by_kind(task.keep, options.retain_batch)
        weight = options.retain_weight * options.batch / sum(sampler.count for sampler in retain)
        samplers += [RowSampler(with_weight(sampler.rows, weight), sampler.count) for sampler in retain]
    divisor = float(options.batch)
    return AdapterTraining(ADAPTER, samplers, options.steps, task.loss, divisor, criterion, _CHECK_EVERY)


def training_details(training: AdapterTraining) -> dict[str, Any]:
    """Losses and steps, for the report's `details`."""
    return {"losses": {training.name: thin_losses(training.losses)}, "steps": len(training.losses)}


def thin_losses(losses: Sequence[float]) -> list[float]:
    """About a hundred evenly spaced losses, rounded, for the report."""
    step = max(1, len(losses) // _MAX_LOSSES)
    return [round(loss, 5) for loss in losses[::step]]
