"""Fine-tuning: min CE(R), which forgets U only by interference (Golatkar et al., CVPR 2020, as a baseline)."""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import BaselineTraining


def run(training: BaselineTraining) -> None:
    for _ in range(training.epochs):
        for keep in training.batches(training.keep):
            training.step(cross_entropy(training.logits(keep), keep.labels))
