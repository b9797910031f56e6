"""The training loop: rows in micro-batches, which shrink when memory runs out, resumable at checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from core.unlearning.errors import DivergedError, OutOfMemoryError
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.options import TrainingOptions
from core.unlearning.families.language.training.recompute import recomputing
from core.unlearning.families.language.training.resume import TrainingRun, TrainingState, from_start
from core.unlearning.families.language.training.row_losses import RowLoss, answer_losses
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.families.language.training.sampling import RowSampler, micro_batches, step_batches
from core.unlearning.families.shared.out_of_memory import free_cached_memory, is_out_of_memory
from core.unlearning.progress import Progress

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises to its peak."""
FINAL_LR = 0.05
"""Share of the peak learning rate at the end of the cool-down."""
CLIP = 1.0
CHECK_EVERY = 10
COOL_DOWN = 0.35
"""Share of the steps in which the learning rate falls: retained answers recover then, forgotten ones stay forgotten."""


@dataclass
class AdapterTraining:
    """What one adapter is trained on and for how long; `losses` collects each step's loss."""

    name: str
    samplers: Sequence[RowSampler]
    steps: int
    loss: RowLoss = answer_losses
    divisor: float | None = None
    """The weighted sum of a step's losses is divided by it; None: by the sum of the weights."""
    stop_early: Callable[[], bool] | None = None
    """Called every `check_every` steps: whether to begin the cool-down now, or to end where there is none."""
    check_every: int = CHECK_EVERY
    losses: list[float] = field(default_factory=list)


def train(
    lm: LanguageModel,
    model: Any,
    parameters: Sequence[torch.nn.Parameter],
    training: AdapterTraining,
    options: TrainingOptions,
    progress: Progress,
    state: TrainingState | None = None,
) -> None:
    """Train `parameters` of `model`, from where `state` left them; each step's loss is added to `training.losses`.

    Raises `DivergedError`, `OutOfMemoryError`, and whatever `progress.step` raises to stop the job.
    """
    lm.sharing.compare(lm, [row.encoded for sampler in training.samplers for row in sampler.rows])
    peak = options.lr or options.lr_times_width / lm.width
    optimizer = torch.optim.AdamW(parameters, lr=peak, betas=(0.9, 0.99), weight_decay=0.0)
    schedule = _LearningRate(training, options)
    gradients = Gradients(lm, model, parameters, training, options.micro_batch)
    state, run = (
        state or from_start(options),
        TrainingRun(training.name, training.losses, parameters, optimizer, schedule, gradients),
    )
    state.restore(run)
    streams = [
        step_batches(sampler, f"{options.seed} {training.name} {n}") for n, sampler in enumerate(training.samplers)
    ]
    streams = [islice(stream, schedule.done, None) for stream in streams]
    with state.saving(run):
        while schedule.goes_on:
            for group in optimizer.param_groups:
                group["lr"] = peak * schedule.rate()
            loss = gradients.compute([row for stream in streams for row in next(stream)])
            torch.nn.utils.clip_grad_norm_(parameters, CLIP)
            optimizer.step()
            training.losses.append(loss)
            schedule.step()
            progress.step(loss=loss)
            state.save_if_due(run)


class _LearningRate:
    """The learning rate over the steps (warm-up, peak, cool-down), and the step at which training ends."""

    def __init__(self, training: AdapterTraining, options: TrainingOptions) -> None:
        self._stop_early, self._check_every = training.stop_early, training.check_every
        self._constant = options.schedule == "constant"
        self._warm = max(1, round(WARM_UP * training.steps))
        self._cool = max(1, round(COOL_DOWN * training.steps))
        self.done, self.end = 0, training.steps

    @property
    def goes_on(self) -> bool:
        return self.done < self.end

    def rate(self) -> float:
        """Share of the peak learning rate in the step to come."""
        if self._constant:
            return min(1.0, (self.done + 1) / self._warm)
        cooled = max(0.0, 1.0 - (self.end - self.done) / self._cool)
        return min((self.done + 1) / self._warm, 1.0 - (1.0 - FINAL_LR) * cooled)

    def step(self) -> None:
        """Count a step; where training may stop early, skip to the cool-down."""
        self.done += 1
        cool = 0 if self._constant else self._cool
        before_cool_down = self.end - self.done > cool
        if before_cool_down and self._stop_early and self.done % self._check_every == 0 and self._stop_early():
            self.end = self.done + cool


@dataclass
class Gradients:
    """Computes the gradients of a step's loss into the parameters' `grad`."""

    lm: LanguageModel
    model: Any
    parameters: Sequence[torch.nn.Parameter]
    training: AdapterTraining
    micro: int
    """Rows in one forward pass."""
    recompute: bool = False
    """Whether layers are recomputed in the backward pass, which keeps fewer activations."""

    def compute(self, rows: Sequence[TrainingRow]) -> float:
        """The weighted mean loss over the rows; starts over with less memory when memory runs out.

        First layers are recomputed, only then micro-batches halved, since rows in separate batches share no prefix.
        """
        while True:
            for parameter in self.parameters:
                parameter.grad = None
            try:
                with recomputing(self.lm.model) if self.recompute else nullcontext():
                    return self._accumulate(rows)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            if self.recompute and self.micro == 1:
                raise OutOfMemoryError("even a single training row does not fit into memory")
            self.recompute, self.micro = True, max(1, self.micro // 2) if self.recompute else self.micro
            free_cached_memory()

    def _accumulate(self, rows: Sequence[TrainingRow]) -> float:
        divisor = self.training.divisor or sum(row.weight for row in rows)
        total = 0.0
        for batch in micro_batches(rows, self.micro, by_prefix=self.lm.sharing.packs):
            weights = torch.tensor([row.weight for row in batch], device=self.lm.device)
            loss = (self.training.loss(self.lm, self.model, batch) * weights).sum() / divisor
            if not torch.isfinite(loss):
                raise DivergedError("the training loss is not finite")
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total
