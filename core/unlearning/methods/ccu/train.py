"""The training loop of CCU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from core.unlearning.families.shared.descent import descend
from core.unlearning.methods.ccu.config import Options, settings_for
from core.unlearning.methods.ccu.curvature import natural_gradients
from core.unlearning.methods.ccu.objective import objective
from core.unlearning.methods.ccu.stopping import Criterion, refine
from core.unlearning.methods.ccu.tuning import Tuning
from core.unlearning.progress import Progress
from core.unlearning.types import Example

StopReason = Literal["criterion", "max_passes"]


@dataclass
class TrainingRun:
    """How it went. `passes`: examples that were trained on; `forwards`: those that were only looked at."""

    stop_reason: StopReason = "max_passes"
    losses: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)
    passes: int = 0
    forwards: int = 0
    part: float = 1.0
    """Of the last stretch that was kept."""


def train(
    tuning: Tuning,
    forget: Sequence[Example],
    keep: Sequence[Example],
    criterion: Criterion,
    options: Options,
    progress: Progress,
) -> TrainingRun:
    """Train until the criterion is met, or to the last pass. Raises `DivergedError`."""
    whole_class = criterion.accuracy is not None
    settings, generator = (
        settings_for(options, whole_class=whole_class),
        torch.Generator("cpu").manual_seed(options.seed),
    )
    of_forget, of_keep = _batches(forget, options.batch, generator), _batches(keep, options.keep_batch, generator)
    optimizer = torch.optim.AdamW(tuning.parameters, lr=settings.lr, weight_decay=0.0)
    felt = _curvature_examples(keep, options, generator)
    found, unmet = TrainingRun(margins=[criterion.margin()], passes=len(felt)), _copy_parameters(tuning)
    total = steps(len(forget), options, whole_class=whole_class)
    with (
        natural_gradients(tuning.model, tuning.parameters, felt, options.damping, generator) if felt else nullcontext()
    ):
        for step in range(1, total + 1):
            u, r = tuning.model.encode(next(of_forget)), tuning.model.encode(next(of_keep))
            loss = objective(tuning, u, r, options, settings)
            found.passes += len(u) + len(r)
            found.forwards += len(u) + len(r)
            found.losses.append(descend(loss, optimizer, tuning.parameters))
            progress.step(loss=found.losses[-1])
            if step % options.check_every and step < total:
                continue
            found.margins.append(criterion.margin())
            if found.margins[-1] >= 0:
                found.stop_reason = "criterion"
                found.part = refine(unmet, tuning.parameters, criterion, options.refine)
                break
            unmet = _copy_parameters(tuning)
    found.forwards += criterion.forwards
    return found


def steps(examples: int, options: Options, *, whole_class: bool) -> int:
    """At most."""
    return -(-examples // options.batch) * settings_for(options, whole_class=whole_class).epochs


def _curvature_examples(keep: Sequence[Example], options: Options, generator: torch.Generator) -> list[Example]:
    """What is kept of which the curvature is taken; of pictures alone where sounds are not trained on."""
    order = torch.randperm(len(keep), generator=generator)[: options.curvature].tolist()
    return [replace(keep[at], audio=None) if options.freeze_other else keep[at] for at in order]


def _batches(examples: Sequence[Example], size: int, generator: torch.Generator) -> Iterator[list[Example]]:
    """Endless passes, each in another order; a pass ends with what is left of it."""
    while True:
        order = torch.randperm(len(examples), generator=generator).tolist()
        for start in range(0, len(order), size):
            yield [examples[at] for at in order[start : start + size]]


def _copy_parameters(tuning: Tuning) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in tuning.parameters]
