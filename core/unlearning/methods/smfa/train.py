"""The training loop of one adapter."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from core.unlearning.errors import DivergedError, OutOfMemoryError
from core.unlearning.families.mllm.batching import is_out_of_memory
from core.unlearning.families.mllm.encode import collate
from core.unlearning.families.mllm.model import MultimodalLM
from core.unlearning.families.mllm.score import answer_logits
from core.unlearning.methods.smfa.adapters import trainable
from core.unlearning.methods.smfa.checkpoint import Run, TrainingState, from_start
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.losses import cross_entropy, divergence, row_means
from core.unlearning.methods.smfa.rows import Row
from core.unlearning.methods.smfa.targets import join
from core.unlearning.progress import Progress

WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""
FINAL_LR = 0.05
"""What is left of the learning rate at the end of the cool-down."""
CLIP = 1.0
LR_TIMES_WIDTH = 0.512
"""Adam's steps are as large in every weight, so their effect grows with the width (Yang et al., 2021, muP)."""
ASK_EVERY = 10
COOL_DOWN = 0.35
"""Share of the steps in which the learning rate falls: what was kept recovers then, what was forgotten stays so."""


@dataclass(frozen=True)
class Draw:
    """`count` rows of `rows` in every step; all of them come once before any comes again."""

    rows: Sequence[Row]
    count: int


@dataclass
class Course:
    """What one adapter learns from, for how long."""

    name: str
    draws: Sequence[Draw]
    steps: int
    enough: Callable[[], bool] | None = None
    """Asked every `ASK_EVERY` steps: whether to begin the cool-down now."""
    losses: list[float] = field(default_factory=list)


def steps_for(rows: int, batch: int, steps: int | None, epochs: int) -> int:
    """The steps that options ask for."""
    return steps or epochs * math.ceil(max(rows, 1) / batch)


def train(
    lm: MultimodalLM,
    wrapped: Any,
    course: Course,
    options: Options,
    progress: Progress,
    state: TrainingState | None = None,
) -> None:
    """Train one adapter of `wrapped`, from where `state` left it; each step's loss goes to `course.losses`.

    Raises `DivergedError`, `OutOfMemoryError`, and whatever `progress.step` raises to stop the job.
    """
    parameters = trainable(wrapped, course.name)
    peak = options.lr or LR_TIMES_WIDTH / lm.width
    optimizer = torch.optim.AdamW(parameters, lr=peak, betas=(0.9, 0.99), weight_decay=0.0)
    pace = _Pace(course, options)
    loop = _Loop(lm, wrapped, parameters, options.micro_batch)
    state, run = state or from_start(options), Run(course.name, course.losses, parameters, optimizer, pace, loop)
    state.restore(run)
    streams = [_endless(draw, f"{options.seed} {course.name} {n}") for n, draw in enumerate(course.draws)]
    streams = [islice(stream, pace.done, None) for stream in streams]
    with state.guarding(run):
        while pace.goes_on:
            for group in optimizer.param_groups:
                group["lr"] = peak * pace.rate()
            loss = loop.backward([row for stream in streams for row in next(stream)])
            torch.nn.utils.clip_grad_norm_(parameters, CLIP)
            optimizer.step()
            course.losses.append(loss)
            pace.step()
            progress.step(loss=loss)
            state.offer(run)


class _Pace:
    """How long a course lasts, and its learning rate: warm-up, full rate, cool-down."""

    def __init__(self, course: Course, options: Options) -> None:
        self._enough, self._constant = course.enough, options.schedule == "constant"
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
        hot = self.end - self.done > self._cool
        if hot and self._enough and self.done % ASK_EVERY == 0 and self._enough():
            self.end = self.done + self._cool


@dataclass
class _Loop:
    lm: MultimodalLM
    model: Any
    parameters: list[torch.nn.Parameter]
    micro: int

    def backward(self, rows: Sequence[Row]) -> float:
        """Gradients of the weighted mean over the rows. Starts over with half the micro-batch when memory runs out."""
        while True:
            for parameter in self.parameters:
                parameter.grad = None
            try:
                return self._accumulate(rows)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            if self.micro == 1:
                raise OutOfMemoryError("even a single training row does not fit into memory")
            self.micro = max(1, self.micro // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _accumulate(self, rows: Sequence[Row]) -> float:
        whole = sum(row.weight for row in rows)
        total = 0.0
        for batch in micro_batches(rows, self.micro):
            loss = batch_loss(self.lm, self.model, batch) / whole
            if not torch.isfinite(loss):
                raise DivergedError("the training loss is not finite")
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        return total


def batch_loss(lm: MultimodalLM, model: Any, rows: Sequence[Row]) -> Tensor:
    """Weighted sum of the rows' losses. All rows are of one view."""
    out = answer_logits(model, collate([row.encoded for row in rows], lm.pad_id, lm.device))
    soft = torch.tensor([row.soft is not None for row in rows], device=lm.device)[out.rows]
    values = torch.zeros(len(out.rows), device=lm.device)
    teachers = [row.soft for row in rows if row.soft is not None]
    if teachers:
        values = values.masked_scatter(soft, divergence(out.logits[soft], join(teachers, lm.device)))
    if len(teachers) < len(rows):
        values = values.masked_scatter(~soft, cross_entropy(out.logits[~soft], out.targets[~soft]))
    weights = torch.tensor([row.weight for row in rows], device=lm.device)
    return (row_means(values, out.rows, len(rows)) * weights).sum()


def micro_batches(rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
    """Pictures and plain text apart, like lengths together."""
    for view in (True, False):
        chosen = sorted((row for row in rows if row.has_image is view), key=lambda row: len(row.encoded))
        for start in range(0, len(chosen), size):
            yield chosen[start : start + size]


def _endless(draw: Draw, seed: str) -> Iterator[list[Row]]:
    rng = random.Random(seed)  # noqa: S311
    waiting: list[Row] = []
    while True:
        while len(waiting) < draw.count and draw.rows:
            waiting += rng.sample(list(draw.rows), len(draw.rows))
        yield waiting[: draw.count]
        waiting = waiting[draw.count :]
