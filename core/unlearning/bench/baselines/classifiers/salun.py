"""SalUn: min CE(U, random other labels) + CE(R), only through the half of the weights that U moves most.

Fan et al., ICLR 2024, eq. 3 to 5: m = [|grad of -CE(U)| among the largest], the weights outside m stay.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.unlearning.bench.baselines.classifiers.training import Course

_SALIENT = 0.5


def run(course: Course) -> None:
    masks = _masks(course)
    forgets = course.endless(course.forget)
    classes = len(course.model.labels)
    for _ in range(course.epochs):
        for keep in course.batches(course.keep):
            forget = next(forgets)
            other = torch.randint(1, classes, (len(forget),), generator=course.generator).to(forget.labels)
            wrong = cross_entropy(course.logits(forget), (forget.labels + other) % classes)
            _descend(course, wrong + cross_entropy(course.logits(keep), keep.labels), masks)


def _masks(course: Course) -> list[Tensor]:
    """1 where the gradient over all of U is among the largest `_SALIENT` of all weights."""
    total = [torch.zeros_like(parameter) for parameter in course.parameters]
    for forget in course.batches(course.forget):
        loss = cross_entropy(course.logits(forget), forget.labels, reduction="sum")
        for whole, part in zip(total, torch.autograd.grad(loss, course.parameters, allow_unused=True), strict=True):
            whole += 0 if part is None else part
    sizes = torch.cat([gradient.abs().flatten() for gradient in total])
    threshold = sizes.kthvalue(int(len(sizes) * (1 - _SALIENT)) + 1).values
    return [(gradient.abs() >= threshold).to(gradient) for gradient in total]


def _descend(course: Course, loss: Tensor, masks: list[Tensor]) -> None:
    before = [parameter.detach().clone() for parameter in course.parameters]
    course.descend(loss)
    with torch.no_grad():
        for parameter, was, mask in zip(course.parameters, before, masks, strict=True):
            parameter.copy_(was + mask * (parameter - was))
