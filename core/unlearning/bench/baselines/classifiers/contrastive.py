"""Contrastive Unlearning: min 0.5 L_UL + 0.5 CE(R) (Lee et al., IJCAI 2025).

L_UL is the inverse contrast of `ccu`'s first loss, temperature 0.7, of the whole embedding: it does not tell what is
seen from what is heard.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from core.unlearning.bench.baselines.classifiers.training import Course
from core.unlearning.families.audiovisual.model.model import Prediction
from core.unlearning.methods.ccu.losses import inverse_contrastive

_TEMPERATURE = 0.7
_KEEPS = 4
"""Batches of R to one of U."""


def run(course: Course) -> None:
    keeps = course.endless(course.keep)
    for _ in range(course.epochs):
        for forget in course.batches(course.forget):
            for _ in range(_KEEPS):
                keep = next(keeps)
                course.passes += len(forget) + len(keep)
                u, r = course.model.forward(forget), course.model.forward(keep)
                unlearn = inverse_contrastive(_whole(u), forget.labels, _whole(r), keep.labels, _TEMPERATURE)
                course.descend(0.5 * unlearn + 0.5 * cross_entropy(r.logits, keep.labels))


def _whole(predicted: Prediction) -> Tensor:
    """Unit vectors [n, d] of both modalities together."""
    halves = [half for half in (predicted.visual_embeds, predicted.audio_embeds) if half is not None]
    return normalize(torch.cat(halves, -1).float(), dim=-1)
