"""The training loop's parts that every baseline shares: model, data, budget, batches, optimiser."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Batch
from core.unlearning.families.shared.descent import descend


@dataclass
class BaselineTraining:
    """A model, the rows to forget and to retain, and the budget.

    `sample_passes` counts samples trained on, `forward_passes` samples that a teacher only predicts.
    """

    model: AudioVisualModel
    forget: Batch
    keep: Batch
    epochs: int
    lr: float
    batch: int = 64
    seed: int = 0
    sample_passes: int = field(default=0, init=False)
    forward_passes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator("cpu").manual_seed(self.seed)
        self.parameters: list[nn.Parameter] = list(self.model.model.parameters())
        self.model.model.requires_grad_(True)
        self._optimizer = torch.optim.AdamW(self.parameters, lr=self.lr, weight_decay=0.0)

    def batches(self, rows: Batch) -> Iterator[Batch]:
        """One epoch over the rows in random order."""
        for indices in torch.split(torch.randperm(len(rows), generator=self.generator), self.batch):
            yield rows.at(indices)

    def endless(self, rows: Batch) -> Iterator[Batch]:
        """One epoch after the other, without end."""
        while True:
            yield from self.batches(rows)

    def logits(self, batch: Batch) -> Tensor:
        """Fused logits [n, C], counted as trained on."""
        self.sample_passes += len(batch)
        return self.model.forward(batch).logits.float()

    def step(self, loss: Tensor) -> None:
        """One optimiser step."""
        descend(loss, self._optimizer, self.parameters)

    def frozen_copy(self) -> AudioVisualModel:
        """A copy of the model as it is now, to be a teacher."""
        return replace(self.model, model=copy.deepcopy(self.model.model).requires_grad_(False))

    @torch.no_grad()
    def teacher_log_probs(self, teacher: AudioVisualModel, batch: Batch) -> Tensor:
        """A teacher's log-probabilities [n, C]."""
        self.forward_passes += len(batch)
        return log_softmax(teacher.forward(batch).logits.float(), -1)


def divergence(teacher: Tensor, student: Tensor) -> Tensor:
    """KL(teacher || student) of log-probabilities and logits, summed over classes, mean over samples."""
    return kl_div(log_softmax(student, -1), teacher, reduction="batchmean", log_target=True)
