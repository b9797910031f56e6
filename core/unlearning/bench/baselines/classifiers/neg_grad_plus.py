"""NegGrad+: min a CE(R) - (1 - a) CE(U) (Kurmanji et al., NeurIPS 2023, eq. 6)."""

from __future__ import annotations

from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import Course

_KEEP = 0.95


def run(course: Course) -> None:
    forgets = course.endless(course.forget)
    for _ in range(course.epochs):
        for keep in course.batches(course.keep):
            forget = next(forgets)
            kept = cross_entropy(course.logits(keep), keep.labels)
            lost = cross_entropy(course.logits(forget), forget.labels)
            course.descend(_KEEP * kept - (1 - _KEEP) * lost)
