"""NegGrad+: min a CE(R) - (1 - a) CE(U) (Kurmanji et al., NeurIPS 2023, eq. 6)."""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import BaselineTraining

_KEEP = 0.95


def run(training: BaselineTraining) -> None:
    forgets = training.endless(training.forget)
    for _ in range(training.epochs):
        for keep in training.batches(training.keep):
            forget = next(forgets)
            retained = cross_entropy(training.logits(keep), keep.labels)
            forgotten = cross_entropy(training.logits(forget), forget.labels)
            training.step(_KEEP * retained - (1 - _KEEP) * forgotten)
