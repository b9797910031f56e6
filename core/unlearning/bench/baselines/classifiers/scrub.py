"""SCRUB: in turn, max KL(teacher || student) on U and min a KL(teacher || student) + g CE on R.

Kurmanji et al., NeurIPS 2023, eq. 3. The teacher is the original; only the first epochs begin with a maximising pass
over U; all end with a minimising pass over R.
"""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import BaselineTraining, divergence

_ALPHA, _GAMMA = 0.5, 1.0
_MAXIMISING = 0.5
"""Share of the epochs that have a pass over U."""


def run(training: BaselineTraining) -> None:
    teacher = training.frozen_copy()
    for epoch in range(training.epochs):
        if epoch < _MAXIMISING * training.epochs:
            for forget in training.batches(training.forget):
                training.step(-divergence(training.teacher_log_probs(teacher, forget), training.logits(forget)))
        for keep in training.batches(training.keep):
            logits = training.logits(keep)
            retained = divergence(training.teacher_log_probs(teacher, keep), logits)
            training.step(_ALPHA * retained + _GAMMA * cross_entropy(logits, keep.labels))
