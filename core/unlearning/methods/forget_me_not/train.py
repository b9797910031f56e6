"""The steps of Forget-Me-Not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from core.unlearning.families.diffusion.model.attention import capturing_attention
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.shared.descent import descend
from core.unlearning.methods.forget_me_not.adversary import searching_adversaries
from core.unlearning.methods.forget_me_not.config import Options
from core.unlearning.methods.forget_me_not.course import ForgetMeNotData
from core.unlearning.methods.forget_me_not.probe import Probe
from core.unlearning.methods.forget_me_not.step import loss_of
from core.unlearning.progress import Progress

_DECAY = 0.01
"""As published."""
_ATTACKING = 4
"""Rows that the adversaries see in a step, by its prompts to forget: one that sees few is weaker than who attacks the
patch, and teaches little."""
_LAST = 0.1
"""Part of the learning rate that is left at the end of a training against adversaries."""


@dataclass(frozen=True)
class TrainingRun:
    """Losses by step; `left` as the probe saw it."""

    losses: Sequence[float]
    left: Sequence[float]


def train(
    model: DiffusionModel,
    course: ForgetMeNotData,
    probe: Probe,
    parameters: Sequence[torch.nn.Parameter],
    options: Options,
    progress: Progress,
) -> TrainingRun:
    """Train until the probe finds little left, or to the last step. Raises `DivergedError`.

    Against adversaries every step is taken: that no prompt finds anything left does not mean that they do not.
    """
    optimizer = torch.optim.AdamW(parameters, lr=options.lr, weight_decay=_DECAY)
    schedule = _schedule(optimizer, course.adversaries, options.steps)
    generator = torch.Generator("cpu").manual_seed(options.seed)
    losses: list[float] = []
    left: list[float] = []
    attackers = searching_adversaries(
        model, course.clean, course.asks, course.start, course.adversaries, options.seed, options.random_words
    )
    with attackers as against, capturing_attention(model.pipe.unet) as captured, _checkpointing(model, options):
        for step in range(1, options.steps + 1):
            if against is not None:
                against.attack(_ATTACKING * options.batch, generator)
            loss = loss_of(model, course, captured, against, options, generator)
            losses.append(descend(loss, optimizer, parameters))
            schedule.step()
            progress.step(loss=losses[-1])
            if step % options.check_every == 0 or step == options.steps:
                left.append(probe.left())
                if against is None and _is_enough(step, left[-1], options):
                    break
    return TrainingRun(losses, left)


def _schedule(optimizer: torch.optim.Optimizer, adversaries: int, steps: int) -> LRScheduler:
    """Half a cosine against adversaries, who would find what the last large steps have opened; constant without."""
    rate = optimizer.defaults["lr"]
    return CosineAnnealingLR(optimizer, steps, eta_min=rate * (_LAST if adversaries else 1.0))


def _is_enough(step: int, left: float, options: Options) -> bool:
    return options.stop_below is not None and step >= options.least_steps and left < options.stop_below


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
