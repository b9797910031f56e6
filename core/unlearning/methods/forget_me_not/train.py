"""The training loop of Forget-Me-Not."""

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
from core.unlearning.methods.forget_me_not.probe import Probe
from core.unlearning.methods.forget_me_not.step import loss_of
from core.unlearning.methods.forget_me_not.training_data import ForgetMeNotData
from core.unlearning.progress import Progress

_WEIGHT_DECAY = 0.01
"""As published."""
_ATTACK_BATCH = 4
"""Rows of a search's step for each prompt to forget: with few rows a search is weaker than a real attack."""
_FINAL_RATE = 0.1
"""Final learning rate with adversaries, as a part of the first."""


@dataclass(frozen=True)
class TrainingRun:
    """Losses by step; `left`: values of `Probe.left` at each check."""

    losses: Sequence[float]
    left: Sequence[float]


def train(
    model: DiffusionModel,
    training_data: ForgetMeNotData,
    probe: Probe,
    parameters: Sequence[torch.nn.Parameter],
    options: Options,
    progress: Progress,
) -> TrainingRun:
    """Train until `Probe.left` is below the option `stop_below`, or to the last step. Raises `DivergedError`.

    With adversaries every step is taken: the probe measures prompts, not the words that searches find.
    """
    optimizer = torch.optim.AdamW(parameters, lr=options.lr, weight_decay=_WEIGHT_DECAY)
    schedule = _schedule(optimizer, training_data.adversaries, options.steps)
    generator = torch.Generator("cpu").manual_seed(options.seed)
    losses: list[float] = []
    left: list[float] = []
    attackers = searching_adversaries(
        model,
        training_data.entity_latents,
        training_data.templates,
        training_data.start_words,
        training_data.adversaries,
        options.seed,
        options.random_words,
    )
    with attackers as adversaries, capturing_attention(model.pipe.unet) as captured, _checkpointing(model, options):
        for step in range(1, options.steps + 1):
            if adversaries is not None:
                adversaries.attack(_ATTACK_BATCH * options.batch, generator)
            loss = loss_of(model, training_data, captured, adversaries, options, generator)
            losses.append(descend(loss, optimizer, parameters))
            schedule.step()
            progress.step(loss=losses[-1])
            if step % options.check_every == 0 or step == options.steps:
                left.append(probe.left())
                if adversaries is None and _is_enough(step, left[-1], options):
                    break
    return TrainingRun(losses, left)


def _schedule(optimizer: torch.optim.Optimizer, adversaries: int, steps: int) -> LRScheduler:
    """Half a cosine with adversaries, so that training ends in small steps; constant without."""
    rate = optimizer.defaults["lr"]
    return CosineAnnealingLR(optimizer, steps, eta_min=rate * (_FINAL_RATE if adversaries else 1.0))


def _is_enough(step: int, left: float, options: Options) -> bool:
    return options.stop_below is not None and step >= options.least_steps and left < options.stop_below


@contextmanager
def _checkpointing(model: DiffusionModel, options: Options) -> Iterator[None]:
    """Gradient checkpointing inside, which diffusers applies in training mode only."""
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
