"""Teaches the language model who people are: seeded, and it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlavaForConditionalGeneration

from core.unlearning.reference.schedule import schedule
from core.unlearning.reference.smollm2_vision.packing import Batch, Packer
from core.unlearning.reference.smollm2_vision.rows import Row, RowSampler

_SAVE_EVERY = 10


@dataclass(frozen=True)
class Stage:
    """How long, which rows a step reads, and the learning rate."""

    steps: int
    mix: tuple[tuple[str, int], ...]
    rate: float


def answer_loss(model: LlavaForConditionalGeneration, batch: Batch) -> Tensor:
    """Sum of the cross entropies at answer positions; the vocabulary is projected there only."""
    hidden = model.model(**batch.inputs, use_cache=False).last_hidden_state
    log_probabilities = model.lm_head(hidden.flatten(0, 1)[batch.at]).log_softmax(-1)
    loss: Tensor = -(log_probabilities.gather(1, batch.ids) * batch.weights).sum()
    return loss


class Trainer:
    """One stage of one model. The file `state` keeps where it stands; a trainer of the same arguments goes on there."""

    def __init__(
        self,
        model: LlavaForConditionalGeneration,
        adapted: Any,
        sampler: RowSampler,
        packer: Packer,
        stage: Stage,
        state: Path,
    ) -> None:
        self._model, self._sampler, self._packer, self._stage = model, sampler, packer, stage
        self._state, self._step = state, 0
        self._parameters = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.AdamW(self._parameters, lr=stage.rate, betas=(0.9, 0.98), weight_decay=0.0)
        factor = schedule(stage.steps, warmup=min(10, stage.steps), flat=0.4)
        self._scheduler = torch.optim.lr_scheduler.LambdaLR(self._optimiser, factor)
        self._resume()

    def run(self, on_step: Callable[[int, float], None], workers: int = 2) -> None:
        """Train to the stage's last step. `workers` threads share a step's rows, one core each."""
        self._model.train()
        with ThreadPoolExecutor(workers, initializer=_one_core) as pool:
            while self._step < self._stage.steps:
                rows = self._sampler.rows(self._stage.mix)
                loss = self._learn(pool, rows, workers)
                self._step += 1
                if self._step % _SAVE_EVERY == 0 or self._step == self._stage.steps:
                    self._save()
                on_step(self._step, loss)
        self._model.train(False)

    def _learn(self, pool: ThreadPoolExecutor, rows: Sequence[Row], workers: int) -> float:
        batches = [self._packer(part) for at in range(workers) if (part := rows[at::workers])]
        answers = sum(len(batch.at) for batch in batches)
        self._optimiser.zero_grad()

        def learn(batch: Batch) -> float:
            loss = answer_loss(self._model, batch) / answers
            torch.autograd.backward(loss)
            return float(loss.detach())

        loss = sum(pool.map(learn, batches))
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        self._scheduler.step()
        return loss

    def _save(self) -> None:
        state = {
            "step": self._step,
            "parameters": [parameter.detach() for parameter in self._parameters],
            "optimiser": self._optimiser.state_dict(),
            "scheduler": self._scheduler.state_dict(),
        }
        partial = self._state.with_suffix(".part")
        torch.save(state, partial)
        partial.replace(self._state)

    def _resume(self) -> None:
        if not self._state.is_file():
            return
        state = torch.load(self._state, weights_only=True)
        self._step = state["step"]
        with torch.no_grad():
            for parameter, saved in zip(self._parameters, state["parameters"], strict=True):
                parameter.copy_(saved)
        self._optimiser.load_state_dict(state["optimiser"])
        self._scheduler.load_state_dict(state["scheduler"])
        for _ in range(self._step):  # The rows already read, so that the next ones are those that would have followed.
            self._sampler.rows(self._stage.mix)


def _one_core() -> None:
    """Settings of a thread that learns: others do so beside it, and subnormal numbers slow it down."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
