"""The steps of Forget-Me-Not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from core.unlearning.descent import descend
from core.unlearning.families.diffusion.adapters import without_lora
from core.unlearning.families.diffusion.attention import Captured, capturing
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.families.diffusion.noise import noised, predict
from core.unlearning.families.diffusion.text import Text, choose, join
from core.unlearning.methods.forget_me_not.adversary import Adversaries, adversaries
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.losses import attention_loss
from core.unlearning.methods.forget_me_not.probe import Probe
from core.unlearning.methods.forget_me_not.rows import Prompts
from core.unlearning.progress import Progress

_DECAY = 0.01
"""As published."""
_SEARCHING = 2
"""Rows of a step for the adversaries, by its prompts to forget: as many as the step itself has with what is kept."""


@dataclass(frozen=True)
class Course:
    """What is trained on. `clean`: latents of pictures that show the entity; `other`: of anything.

    `shares`: where in `clean` it is shown, see `noise.shares_of`.
    `adversaries`: how many search for words that bring back what `clean` shows, in prompts `asks`, from `start`;
    `instead`: see `rows.in_place`.
    """

    forget: Prompts
    keep: Text
    clean: Tensor
    shares: Tensor
    other: Tensor
    asks: Sequence[str]
    instead: Text
    start: str
    adversaries: int


@dataclass(frozen=True)
class Trained:
    """Losses by step; `left` as the probe saw it."""

    losses: Sequence[float]
    left: Sequence[float]


def train(
    model: DiffusionModel,
    course: Course,
    probe: Probe,
    parameters: Sequence[torch.nn.Parameter],
    options: Options,
    progress: Progress,
) -> Trained:
    """Train until the probe finds little left, or to the last step. Raises `DivergedError`.

    Against adversaries every step is taken: that no prompt finds anything left does not mean that they do not.
    """
    optimizer = torch.optim.AdamW(parameters, lr=options.lr, weight_decay=_DECAY)
    generator = torch.Generator("cpu").manual_seed(options.seed)
    losses: list[float] = []
    left: list[float] = []
    attackers = adversaries(model, course.clean, course.asks, course.start, course.adversaries, options.seed)
    with attackers as against, capturing(model.pipe.unet) as captured, _checkpointing(model, options):
        for step in range(1, options.steps + 1):
            if against is not None:
                against.attack(_SEARCHING * options.batch, generator)
            loss = _loss(model, course, captured, options, generator)
            if against is not None:
                loss = loss + _resisted(model, course, against, options, generator)
            losses.append(descend(loss, optimizer, parameters))
            progress.step(loss=losses[-1])
            if step % options.check_every == 0 or step == options.steps:
                left.append(probe.left())
                if against is None and _is_enough(step, left[-1], options):
                    break
    return Trained(losses, left)


def _is_enough(step: int, left: float, options: Options) -> bool:
    return options.stop_below is not None and step >= options.least_steps and left < options.stop_below


def _loss(
    model: DiffusionModel, course: Course, captured: Captured, options: Options, generator: torch.Generator
) -> Tensor:
    """Attention to the entity, and the distance from the base: under its anchor, and under what is kept."""
    picked = _draw(len(course.forget.columns), options.batch, generator, model.device)
    keeping = options.batch if options.keep_weight else 0
    held = _draw(len(course.keep.states), keeping, generator, model.device)
    shown = _draw(len(course.clean), options.batch, generator, model.device)
    others = course.other[_draw(len(course.other), keeping, generator, model.device)]
    rows = noised(model, torch.cat([course.clean[shown], others]), generator)
    teacher = None
    if options.anchor_weight or options.keep_weight:
        wanted = join(choose(course.forget.anchor, picked), choose(course.keep, held))
        with torch.no_grad(), without_lora(model.pipe.unet):
            teacher = predict(model, rows, wanted)
    captured.clear()
    made = predict(model, rows, join(choose(course.forget.forget, picked), choose(course.keep, held)))
    steered = [layer[: options.batch].float() for layer in captured.layers.values()]
    loss = options.attention_weight * attention_loss(
        steered, course.forget.columns[picked], options.norm, course.shares[shown]
    )
    if teacher is not None:
        split = options.batch
        loss = loss + options.anchor_weight * mse_loss(made[:split].float(), teacher[:split].float())
        if keeping:
            loss = loss + options.keep_weight * mse_loss(made[split:].float(), teacher[split:].float())
    return loss


def _resisted(
    model: DiffusionModel, course: Course, against: Adversaries, options: Options, generator: torch.Generator
) -> Tensor:
    """The distance from what the base does for the anchor in the same prompt, under the words of adversaries."""
    batch = _SEARCHING * options.batch
    pictures = course.clean[_draw(len(course.clean), batch, generator, model.device)]
    rows = noised(model, pictures, generator)
    text, asked = against.found(batch, generator)
    words = _draw(len(course.instead.states) // len(course.asks), batch, generator, model.device)
    anchor = choose(course.instead, words * len(course.asks) + asked)
    with torch.no_grad(), without_lora(model.pipe.unet):
        wanted = predict(model, rows, anchor)
    made = predict(model, rows, text)
    return options.adversary_weight * mse_loss(made.float(), wanted.float())


def _draw(count: int, wanted: int, generator: torch.Generator, device: torch.device) -> Tensor:
    return torch.randint(0, count, (wanted,), generator=generator).to(device)


@contextmanager
def _checkpointing(model: DiffusionModel, options: Options) -> Iterator[None]:
    """Diffusers checkpoints only what is in training mode; nothing of the denoiser draws dropout unless it has some."""
    if not options.gradient_checkpointing:
        yield
        return
    unet = model.pipe.unet
    unet.enable_gradient_checkpointing()
    unet.train()
    try:
        yield
    finally:
        unet.eval()
        unet.disable_gradient_checkpointing()
