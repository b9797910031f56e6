"""Contrastive Unlearning: min 0.5 L_UL + 0.5 CE(R) (Lee et al., IJCAI 2025).

L_UL is the inverse contrast of `ccu`'s first loss, temperature 0.7, of the whole embedding: it does not tell
pictures from sounds.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from core.unlearning.bench.baselines.classifiers.training import BaselineTraining
from core.unlearning.families.audiovisual.model.model import Prediction
from core.unlearning.methods.ccu.losses import inverse_contrastive

_TEMPERATURE = 0.7
_KEEPS = 4
"""Batches of R for each batch of U."""


def run(training: BaselineTraining) -> None:
    keeps = training.endless(training.keep)
    for _ in range(training.epochs):
        for forget in training.batches(training.forget):
            for _ in range(_KEEPS):
                keep = next(keeps)
                training.sample_passes += len(forget) + len(keep)
                u, r = training.model.forward(forget), training.model.forward(keep)
                embeddings = _fused_embedding(u), forget.labels, _fused_embedding(r), keep.labels
                unlearn = inverse_contrastive(*embeddings, _TEMPERATURE)
                training.step(0.5 * unlearn + 0.5 * cross_entropy(r.logits, keep.labels))


def _fused_embedding(predicted: Prediction) -> Tensor:
    """Unit vectors [n, d]: both modalities' embeddings concatenated."""
    halves = [half for half in (predicted.visual_embeds, predicted.audio_embeds) if half is not None]
    return normalize(torch.cat(halves, -1).float(), dim=-1)
