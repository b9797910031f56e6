"""SCRUB: in turn, max KL(teacher || student) on U and min a KL(teacher || student) + g CE on R.

Kurmanji et al., NeurIPS 2023, eq. 3. The teacher is the original; the first epochs alone begin with a pass that
maximises, and all end with one that minimises.
"""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import Course, divergence

_ALPHA, _GAMMA = 0.5, 1.0
_MAXIMISING = 0.5
"""Part of the epochs that have a pass over U."""


def run(course: Course) -> None:
    teacher = course.frozen_copy()
    for epoch in range(course.epochs):
        if epoch < _MAXIMISING * course.epochs:
            for forget in course.batches(course.forget):
                course.descend(-divergence(course.told(teacher, forget), course.logits(forget)))
        for keep in course.batches(course.keep):
            logits = course.logits(keep)
            held = divergence(course.told(teacher, keep), logits)
            course.descend(_ALPHA * held + _GAMMA * cross_entropy(logits, keep.labels))
