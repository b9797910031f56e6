"""The loss of a training step of Forget-Me-Not."""

from __future__ import annotations

import torch
from torch import Tensor

from core.unlearning.families.diffusion.model.adapters import without_lora
from core.unlearning.families.diffusion.model.attention import AttentionMaps
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import predict, select_latents
from core.unlearning.families.diffusion.model.text import select_prompts
from core.unlearning.methods.forget_me_not.adversary import Adversaries
from core.unlearning.methods.forget_me_not.batch import draw_indices, rows_of
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.losses import attention_loss
from core.unlearning.methods.forget_me_not.rows import StepRows
from core.unlearning.methods.forget_me_not.training_data import ForgetMeNotData


def loss_of(
    model: DiffusionModel,
    training_data: ForgetMeNotData,
    captured: AttentionMaps,
    adversaries: Adversaries | None,
    options: Options,
    generator: torch.Generator,
) -> Tensor:
    """The attention loss on the entity's tokens, plus the weighted squared error against the teacher's predictions."""
    picked = draw_indices(len(training_data.forget.columns), options.batch, generator, model.device)
    rows, shares = rows_of(model, training_data, picked, adversaries, options, generator)
    teacher = _teacher(model, rows) if bool(rows.weights.any()) else None
    captured.clear()
    predicted = predict(model, rows.latents, rows.prompts)
    steered = [layer[: options.batch].float() for layer in captured.layers.values()]
    loss = options.attention_weight * attention_loss(
        steered, training_data.forget.columns[picked], options.norm, shares
    )
    if teacher is not None:
        weights = rows.weights.to(predicted.device)
        loss = loss + ((predicted.float() - teacher.float()).square().mean((1, 2, 3)) * weights).sum()
    return loss


def _teacher(model: DiffusionModel, rows: StepRows) -> Tensor:
    """The frozen base's predictions under the teacher's prompts, extrapolated away from `away_prompts` by `beyond`."""
    with torch.no_grad(), without_lora(model.pipe.unet):
        teacher = predict(model, rows.latents, rows.teacher_prompts)
        moved = rows.beyond.nonzero().flatten().to(teacher.device)
        if len(moved):
            difference = teacher[moved] - predict(
                model, select_latents(rows.latents, moved), select_prompts(rows.away_prompts, moved)
            )
            teacher[moved] += rows.beyond.to(difference)[moved, None, None, None] * difference
    return teacher
