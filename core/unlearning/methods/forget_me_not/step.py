"""A step of Forget-Me-Not: what the denoiser is asked, and how far it is from what is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.unlearning.families.diffusion.adapters import without_lora
from core.unlearning.families.diffusion.attention import Captured
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.families.diffusion.noise import noised, predict
from core.unlearning.families.diffusion.text import Text, choose, join
from core.unlearning.methods.forget_me_not.adversary import Adversaries
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.losses import attention_loss
from core.unlearning.methods.forget_me_not.rows import Prompts, Rows, join_rows

_SEARCHING = 2
"""Rows for the adversaries' words, by the prompts to forget: as many as the step itself has with what is kept."""


@dataclass(frozen=True)
class Course:
    """What is trained on. `clean`: latents of pictures that show the entity; `other`: of anything.

    `shares`: where in `clean` it is shown, see `noise.shares_of`.
    `adversaries`: how many search for words that bring back what `clean` shows, in prompts `asks`, from `start`;
    `instead`: see `rows.in_place`; `sought`: the same prompts, with words that were found for it before.
    """

    forget: Prompts
    keep: Text
    clean: Tensor
    shares: Tensor
    other: Tensor
    asks: Sequence[str]
    instead: Text
    sought: Text
    start: str
    adversaries: int


def loss_of(
    model: DiffusionModel,
    course: Course,
    captured: Captured,
    against: Adversaries | None,
    options: Options,
    generator: torch.Generator,
) -> Tensor:
    """Attention to the entity, and the distance from what the base does under what is wanted."""
    picked = _draw(len(course.forget.columns), options.batch, generator, model.device)
    more = 0.0 if against is None else options.adversary_weight / 2
    shown, rows = _named_and_kept(model, course, picked, options, generator, more)
    if against is not None:
        rows = join_rows(rows, _resisted(model, course, against, options, generator))
    teacher = None
    if bool(rows.weights.any()):
        with torch.no_grad(), without_lora(model.pipe.unet):
            teacher = predict(model, rows.noised, rows.wanted)
            if against is not None and options.beyond:
                teacher += options.beyond * (teacher - predict(model, rows.noised, rows.away))
    captured.clear()
    made = predict(model, rows.noised, rows.asked)
    steered = [layer[: options.batch].float() for layer in captured.layers.values()]
    loss = options.attention_weight * attention_loss(
        steered, course.forget.columns[picked], options.norm, course.shares[shown]
    )
    if teacher is not None:
        loss = loss + ((made.float() - teacher.float()).square().mean((1, 2, 3)) * rows.weights).sum()
    return loss


def _named_and_kept(
    model: DiffusionModel, course: Course, picked: Tensor, options: Options, generator: torch.Generator, more: float
) -> tuple[Tensor, Rows]:
    """Which pictures are shown, and the rows: these prompts to forget, then as many of what is kept.

    `more` is added to both weights.
    """
    keeping = options.batch if options.keep_weight else 0
    held = _draw(len(course.keep.states), keeping, generator, model.device)
    shown = _draw(len(course.clean), options.batch, generator, model.device)
    others = course.other[_draw(len(course.other), keeping, generator, model.device)]
    kept = choose(course.keep, held)
    return shown, Rows(
        noised(model, torch.cat([course.clean[shown], others]), generator),
        asked=join(choose(course.forget.forget, picked), kept),
        wanted=join(choose(course.forget.anchor, picked), kept),
        away=join(choose(course.forget.forget, picked), kept),
        weights=torch.cat([_each(options.anchor_weight + more, shown), _each(options.keep_weight + more, held)]),
    )


def _resisted(
    model: DiffusionModel, course: Course, against: Adversaries, options: Options, generator: torch.Generator
) -> Rows:
    """The entity's pictures under the words of adversaries; wanted is the anchor in the same prompt, and further."""
    batch = _SEARCHING * options.batch
    shown = _draw(len(course.clean), batch, generator, model.device)
    rows = noised(model, course.clean[shown], generator)
    text, asked = against.found(batch, generator)
    words = _draw(len(course.instead.states) // len(course.asks), batch, generator, model.device)
    anchor = choose(course.instead, words * len(course.asks) + asked)
    return Rows(rows, text, anchor, choose(course.sought, asked), _each(options.adversary_weight, shown))


def _each(weight: float, rows: Tensor) -> Tensor:
    """A mean over the rows, times its weight."""
    return torch.full((len(rows),), weight / max(1, len(rows)), device=rows.device)


def _draw(count: int, wanted: int, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.randint(0, count, (wanted,), generator=generator).to(device)
