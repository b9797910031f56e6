"""`mmunlearner` from end to end: a sparse change of whole weight matrices, which the patch holds exactly."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.unlearning.families.language.model.frozen import caching_answers
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.target_modules import match_modules
from core.unlearning.families.language.training.deltas import sparse_deltas, with_deltas
from core.unlearning.families.language.training.resume import TrainingState
from core.unlearning.families.language.training.row_losses import answer_losses, forgetting_loss
from core.unlearning.families.language.training.rows import TrainingRow, answer_rows, retain_rows
from core.unlearning.families.language.training.train import AdapterTraining, Gradients, train
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.mmunlearner.config import Options
from core.unlearning.methods.mmunlearner.losses import saliency
from core.unlearning.methods.shared.ascent import ascent
from core.unlearning.methods.shared.lora_forgetting import (
    ADAPTER,
    LoraTask,
    forget_examples,
    retain_examples,
    stop_criterion,
    targets_of,
    training_details,
    training_of,
)
from core.unlearning.patches import supertuning
from core.unlearning.progress import Progress
from core.unlearning.types import Example, JobData

_GROUP = 4
"""Rows whose gradients are averaged before squaring, as published."""


class MmUnlearner:
    """The baseline `mmunlearner`."""

    def run(self, model: LanguageModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter`. Leaves the model unchanged."""
        targets = targets_of(model, options)
        forget, keep = _split_views(data, options)
        task = LoraTask(
            answer_rows(model, forget), forgetting_loss(ascent), retain_rows(model, keep, soft=False, weight=1.0)
        )
        pictured = True if all(e.image is not None for e in forget) else None
        with caching_answers(model, job.checkpoints, job.progress, "targets"):
            training = training_of(task, options, stop_criterion(model, data, options, images=pictured))
        state = TrainingState(job.checkpoints, [ADAPTER], options)
        with with_deltas(model.model, match_modules(model.model, targets)) as deltas:
            masks = _masks(model, deltas, task, options, job.progress)
            for name, mask in masks.items():
                deltas[name].register_hook(mask.mul)  # type: ignore[no-untyped-call]
            job.progress.phase("training", training.steps, done=state.steps_done)
            train(model, model.model, list(deltas.values()), training, options, job.progress, state)
        stored = supertuning.write(
            lambda: sparse_deltas(deltas), job.adapter, base_model=model.source, target_modules=targets
        )
        details = {
            **training_details(training),
            "target_modules": targets,
            "sparse_entries": stored.nnz,
            "salient": round(sum(int(m.sum()) for m in masks.values()) / sum(m.numel() for m in masks.values()), 5),
        }
        return MethodResult(job.adapter, details=details)


def _split_views(data: JobData, options: Options) -> tuple[list[Example], list[Example]]:
    """Examples to forget and to keep; with `keep_text` those to forget by name are kept instead."""
    forget, keep = forget_examples(data), retain_examples(data)
    pictured = [e for e in forget if e.image is not None]
    if not options.keep_text or not pictured:
        return forget, keep
    return pictured, keep + [e for e in forget if e.image is None]


def _masks(
    lm: LanguageModel, deltas: dict[str, nn.Parameter], task: LoraTask, options: Options, progress: Progress
) -> dict[str, Tensor]:
    forget = _fisher(lm, deltas, task.forget, options, progress)
    keep = _fisher(lm, deltas, task.keep, options, progress)
    pairs = zip(deltas, forget, keep, strict=True)
    return {name: saliency(f, k, options.threshold).float() for name, f, k in pairs}


def _fisher(
    lm: LanguageModel,
    deltas: dict[str, nn.Parameter],
    rows: Sequence[TrainingRow],
    options: Options,
    progress: Progress,
) -> list[Tensor]:
    """For each delta, which is zero, the mean over groups of rows of the squared gradient of the group's mean loss."""
    parameters = list(deltas.values())
    gradients = Gradients(
        lm, lm.model, parameters, AdapterTraining("fisher", (), 0, answer_losses), options.micro_batch
    )
    drawn = random.Random(options.seed).sample(list(rows), min(len(rows), options.fisher_rows))  # noqa: S311
    groups = [drawn[start : start + _GROUP] for start in range(0, len(drawn), _GROUP)]
    information = [torch.zeros_like(p) for p in parameters]
    for group in groups:
        gradients.compute(group)
        for total, parameter in zip(information, parameters, strict=True):
            total += torch.zeros_like(total) if parameter.grad is None else parameter.grad.square() / len(groups)
        progress.alive()
    return [total.detach() for total in information]


METHOD = MmUnlearner()
