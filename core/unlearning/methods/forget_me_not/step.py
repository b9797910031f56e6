"""A step of Forget-Me-Not: how far the denoiser is from what is wanted."""

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
from core.unlearning.methods.forget_me_not.course import ForgetMeNotData
from core.unlearning.methods.forget_me_not.losses import attention_loss
from core.unlearning.methods.forget_me_not.rows import StepRows


def loss_of(
    model: DiffusionModel,
    course: ForgetMeNotData,
    captured: AttentionMaps,
    against: Adversaries | None,
    options: Options,
    generator: torch.Generator,
) -> Tensor:
    """Attention to the entity, and the distance from what the base does under what is wanted."""
    picked = draw_indices(len(course.forget.columns), options.batch, generator, model.device)
    rows, shares = rows_of(model, course, picked, against, options, generator)
    teacher = _teacher(model, rows) if bool(rows.weights.any()) else None
    captured.clear()
    made = predict(model, rows.noised, rows.asked)
    steered = [layer[: options.batch].float() for layer in captured.layers.values()]
    loss = options.attention_weight * attention_loss(steered, course.forget.columns[picked], options.norm, shares)
    if teacher is not None:
        weights = rows.weights.to(made.device)
        loss = loss + ((made.float() - teacher.float()).square().mean((1, 2, 3)) * weights).sum()
    return loss


def _teacher(model: DiffusionModel, rows: StepRows) -> Tensor:
    """What the base does where it is asked with what is wanted, and beyond that."""
    with torch.no_grad(), without_lora(model.pipe.unet):
        teacher = predict(model, rows.noised, rows.wanted)
        far = rows.beyond.nonzero().flatten().to(teacher.device)
        if len(far):
            way = teacher[far] - predict(model, select_latents(rows.noised, far), select_prompts(rows.away, far))
            teacher[far] += rows.beyond.to(way)[far, None, None, None] * way
    return teacher
