"""The training loop: rows in micro-batches, smaller ones when memory runs out, from checkpoint to checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from core.unlearning.errors import DivergedError, OutOfMemoryError
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.options import TrainingOptions
from core.unlearning.families.mllm.training.answers import RowLoss, answer_losses
from core.unlearning.families.mllm.training.draws import Draw, endless, micro_batches
from core.unlearning.families.mllm.training.recompute import recomputing
from core.unlearning.families.mllm.training.resume import Run, TrainingState, from_start
from core.unlearning.families.mllm.training.rows import Row
from core.unlearning.families.shared.out_of_memory import free_cached_memory, is_out_of_memory
from core.unlearning.progress import Progress

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""
FINAL_LR = 0.05
"""What is left of the learning rate at the end of the cool-down."""
CLIP = 1.0
ASK_EVERY = 10
COOL_DOWN = 0.35
"""Share of the steps in which the learning rate falls: what was kept recovers then, what was forgotten stays so."""


@dataclass
class Course:
    """What one adapter learns from, for how long."""

    name: str
    draws: Sequence[Draw]
    steps: int
    loss: RowLoss = answer_losses
    whole: float | None = None
    """What the weighted sum of a step's losses is divided by; None: the sum of the weights."""
    enough: Callable[[], bool] | None = None
    """Asked every `ask_every` steps: whether to begin the cool-down now, or to end where there is none."""
    ask_every: int = ASK_EVERY
    losses: list[float] = field(default_factory=list)


def train(
    lm: MultimodalLM,
    model: Any,
    parameters: Sequence[torch.nn.Parameter],
    course: Course,
    options: TrainingOptions,
    progress: Progress,
    state: TrainingState | None = None,
) -> None:
    """Train `parameters` of `model`, from where `state` left them; each step's loss goes to `course.losses`.

    Raises `DivergedError`, `OutOfMemoryError`, and whatever `progress.step` raises to stop the job.
    """
    lm.sharing.compare(lm, [row.encoded for draw in course.draws for row in draw.rows])
    peak = options.lr or options.lr_times_width / lm.width
    optimizer = torch.optim.AdamW(parameters, lr=peak, betas=(0.9, 0.99), weight_decay=0.0)
    pace = _Pace(course, options)
    gradients = Gradients(lm, model, parameters, course, options.micro_batch)
    state, run = state or from_start(options), Run(course.name, course.losses, parameters, optimizer, pace, gradients)
    state.restore(run)
    streams = [endless(draw, f"{options.seed} {course.name} {n}") for n, draw in enumerate(course.draws)]
    streams = [islice(stream, pace.done, None) for stream in streams]
    with state.guarding(run):
        while pace.goes_on:
            for group in optimizer.param_groups:
                group["lr"] = peak * pace.rate()
            loss = gradients.of([row for stream in streams for row in next(stream)])
            torch.nn.utils.clip_grad_norm_(parameters, CLIP)
            optimizer.step()
            course.losses.append(loss)
            pace.step()
            progress.step(loss=loss)
            state.offer(run)


class _Pace:
    """How long a course lasts, and its learning rate: warm-up, full rate, cool-down."""

    def __init__(self, course: Course, options: TrainingOptions) -> None:
        self._enough, self._ask_every = course.enough, course.ask_every
        self._constant = options.schedule == "constant"
        self._warm = max(1, round(WARM_UP * course.steps))
        self._cool = max(1, round(COOL_DOWN * course.steps))
        self.done, self.end = 0, course.steps

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
        """Count a step; where enough is learned, leave out what would come before the cool-down."""
        self.done += 1
        cool = 0 if self._constant else self._cool
        hot = self.end - self.done > cool
        if hot and self._enough and self.done % self._ask_every == 0 and self._enough():
            self.end = self.done + cool


@dataclass
class Gradients:
    """Of a course's loss, in the parameters' `grad`."""

    lm: MultimodalLM
    model: Any
    parameters: Sequence[torch.nn.Parameter]
    course: Course
    micro: int
    """Rows in one forward pass."""
    recompute: bool = False
    """Whether layers are computed again in the backward pass, so that less is kept."""

    def of(self, rows: Sequence[Row]) -> float:
        """Gradients of the weighted mean over the rows. Starts over in less memory when it runs out.

        Layers are recomputed first, and only then micro-batches are halved: rows apart share nothing any more.
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

    def _accumulate(self, rows: Sequence[Row]) -> float:
        whole = self.course.whole or sum(row.weight for row in rows)
        total = 0.0
        for batch in micro_batches(rows, self.micro, alike=self.lm.sharing.packs):
            weights = torch.tensor([row.weight for row in batch], device=self.lm.device)
            loss = (self.course.loss(self.lm, self.model, batch) * weights).sum() / whole
            if not torch.isfinite(loss):
                raise DivergedError("the training loss is not finite")
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total
