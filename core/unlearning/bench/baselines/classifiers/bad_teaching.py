"""Bad Teaching: min KL(t || student), t = the original on R and a model that knows nothing on U.

Chundawat et al., AAAI 2023, eq. 4, with temperature 1 and the divergence summed over classes, unlike the authors' code.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from core.unlearning.bench.baselines.classifiers.training import Course, divergence
from core.unlearning.families.audiovisual.model.model import AudioVisualModel


def run(course: Course) -> None:
    good, bad = course.frozen_copy(), _ignorant(course)
    forgets = course.endless(course.forget)
    for _ in range(course.epochs):
        for keep in course.batches(course.keep):
            forget = next(forgets)
            held = divergence(course.told(good, keep), course.logits(keep)) * len(keep)
            lost = divergence(course.told(bad, forget), course.logits(forget)) * len(forget)
            course.descend((held + lost) / (len(keep) + len(forget)))


def _ignorant(course: Course) -> AudioVisualModel:
    """One of the same kind with weights as they were before any training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(course.seed)
        fresh = type(course.model.model)(copy.deepcopy(course.model.model.config))
    return replace(course.model, model=fresh.to(course.model.device).requires_grad_(False).eval())
