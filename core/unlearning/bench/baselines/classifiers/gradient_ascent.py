"""Gradient ascent (NegGrad): max CE(U) (Golatkar et al., CVPR 2020, as a baseline). Unbounded but by its budget."""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import Course


def run(course: Course) -> None:
    for _ in range(course.epochs):
        for forget in course.batches(course.forget):
            course.descend(-cross_entropy(course.logits(forget), forget.labels))
