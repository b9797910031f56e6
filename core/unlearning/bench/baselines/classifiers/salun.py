"""SalUn: min CE(U, random other labels) + CE(R), only through the half of the weights that U moves most.

Fan et al., ICLR 2024, eq. 3 to 5: m = [|grad of -CE(U)| among the largest], the weights outside m stay.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import BaselineTraining

_SALIENT = 0.5


def run(training: BaselineTraining) -> None:
    masks = _masks(training)
    forgets = training.endless(training.forget)
    classes = len(training.model.labels)
    for _ in range(training.epochs):
        for keep in training.batches(training.keep):
            forget = next(forgets)
            other = torch.randint(1, classes, (len(forget),), generator=training.generator).to(forget.labels)
            wrong = cross_entropy(training.logits(forget), (forget.labels + other) % classes)
            _descend(training, wrong + cross_entropy(training.logits(keep), keep.labels), masks)


def _masks(training: BaselineTraining) -> list[Tensor]:
    """1 where the size of the gradient over all of U is among the largest `_SALIENT` of all weights."""
    total = [torch.zeros_like(parameter) for parameter in training.parameters]
    for forget in training.batches(training.forget):
        loss = cross_entropy(training.logits(forget), forget.labels, reduction="sum")
        for whole, part in zip(total, torch.autograd.grad(loss, training.parameters, allow_unused=True), strict=True):
            whole += 0 if part is None else part
    sizes = torch.cat([gradient.abs().flatten() for gradient in total])
    threshold = sizes.kthvalue(int(len(sizes) * (1 - _SALIENT)) + 1).values
    return [(gradient.abs() >= threshold).to(gradient) for gradient in total]


def _descend(training: BaselineTraining, loss: Tensor, masks: list[Tensor]) -> None:
    before = [parameter.detach().clone() for parameter in training.parameters]
    training.step(loss)
    with torch.no_grad():
        for parameter, was, mask in zip(training.parameters, before, masks, strict=True):
            parameter.copy_(was + mask * (parameter - was))
