"""Selective Synaptic Dampening: where I_U > a I_D, w *= min(l I_D / I_U, 1) (Foster et al., AAAI 2024, eq. 6 to 8).

I is the diagonal of the Fisher information, the mean squared gradient of CE; D is all training data. No training: one
pass over U and R each. Squares are of single samples' gradients, where the authors' code takes batches.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import BaselineTraining
from core.unlearning.families.audiovisual.model.model import Batch

_ALPHA, _LAMBDA = 5.0, 1.0
"""Published: a = 10, l = 1. Where U is a tenth of all data, as a class may be, I_U is never above 10 I_D."""


def run(training: BaselineTraining) -> None:
    forget, keep = _importance(training, training.forget), _importance(training, training.keep)
    n, m = len(training.forget), len(training.keep)
    with torch.no_grad():
        for name, parameter in training.model.model.named_parameters():
            everything = (forget[name] * n + keep[name] * m) / (n + m)
            damped = (_LAMBDA * everything / forget[name].clamp_min(1e-30)).clamp(max=1)
            parameter.mul_(torch.where(forget[name] > _ALPHA * everything, damped, torch.ones_like(damped)))


def _importance(training: BaselineTraining, rows: Batch) -> dict[str, Tensor]:
    """Mean square of each sample's gradient, by parameter."""
    model = training.model.model
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}

    def loss(weights: dict[str, Tensor], sample: dict[str, Tensor], label: Tensor) -> Tensor:
        given = {name: value[None] for name, value in sample.items()}
        return cross_entropy(functional_call(model, weights, kwargs=given).logits, label[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for batch in training.batches(rows):
        training.sample_passes += len(batch)
        both = {"pixel_values": batch.pixel_values, "input_values": batch.input_values}
        found = each(weights, {name: value for name, value in both.items() if value is not None}, batch.labels)
        for name, gradients in found.items():
            total[name] += gradients.square().sum(0)
    return {name: value / len(rows) for name, value in total.items()}
