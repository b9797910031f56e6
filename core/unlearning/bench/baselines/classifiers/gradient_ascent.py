"""Gradient ascent (NegGrad): max CE(U) (Golatkar et al., CVPR 2020, as a baseline). Bounded by its budget alone."""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import BaselineTraining


def run(training: BaselineTraining) -> None:
    for _ in range(training.epochs):
        for forget in training.batches(training.forget):
            training.step(-cross_entropy(training.logits(forget), forget.labels))
