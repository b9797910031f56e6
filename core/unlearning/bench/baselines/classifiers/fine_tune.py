"""Fine-tuning: min CE(R), in the hope that the rest is forgotten (Golatkar et al., CVPR 2020, as a baseline)."""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import Course


def run(course: Course) -> None:
    for _ in range(course.epochs):
        for keep in course.batches(course.keep):
            course.descend(cross_entropy(course.logits(keep), keep.labels))
