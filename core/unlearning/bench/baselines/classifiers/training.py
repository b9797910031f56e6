"""What every baseline is given, and the passes over it."""

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
class Course:
    """A model to change, what it is to forget and to keep, and the budget. `passes` counts what it was trained on.

    `forwards` counts what the model, or a frozen copy, was only asked about.
    """

    model: AudioVisualModel
    forget: Batch
    keep: Batch
    epochs: int
    lr: float
    batch: int = 64
    seed: int = 0
    passes: int = field(default=0, init=False)
    forwards: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator("cpu").manual_seed(self.seed)
        self.parameters: list[nn.Parameter] = list(self.model.model.parameters())
        self.model.model.requires_grad_(True)
        self._optimizer = torch.optim.AdamW(self.parameters, lr=self.lr, weight_decay=0.0)

    def batches(self, rows: Batch) -> Iterator[Batch]:
        """One pass, in random order."""
        for places in torch.split(torch.randperm(len(rows), generator=self.generator), self.batch):
            yield rows.at(places)

    def endless(self, rows: Batch) -> Iterator[Batch]:
        """Pass after pass."""
        while True:
            yield from self.batches(rows)

    def logits(self, batch: Batch) -> Tensor:
        """Fused, to be trained on."""
        self.passes += len(batch)
        return self.model.forward(batch).logits.float()

    def descend(self, loss: Tensor) -> None:
        """One step."""
        descend(loss, self._optimizer, self.parameters)

    def frozen_copy(self) -> AudioVisualModel:
        """The model as it is now, as a teacher."""
        return replace(self.model, model=copy.deepcopy(self.model.model).requires_grad_(False))

    @torch.no_grad()
    def told(self, teacher: AudioVisualModel, batch: Batch) -> Tensor:
        """A teacher's log-probabilities [n, C]."""
        self.forwards += len(batch)
        return log_softmax(teacher.forward(batch).logits.float(), -1)


def divergence(teacher: Tensor, student: Tensor) -> Tensor:
    """KL(teacher || student) of log-probabilities and logits, summed over classes, mean over samples."""
    return kl_div(log_softmax(student, -1), teacher, reduction="batchmean", log_target=True)
