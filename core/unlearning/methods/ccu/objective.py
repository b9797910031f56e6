"""The objective of a training step of CCU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.unlearning.families.audiovisual.model.model import Batch, Prediction
from core.unlearning.methods.ccu.config import CcuSettings, Options
from core.unlearning.methods.ccu.losses import consistency, hardness, inverse_contrastive, separation, task
from core.unlearning.methods.ccu.tuning import Tuning


def objective(tuning: Tuning, forget: Batch, keep: Batch, options: Options, settings: CcuSettings) -> Tensor:
    """The weighted sum of the method's terms."""
    # Before the model in training is asked: `original` may put other weights in the place of those that it remembers.
    was = [_original(tuning, batch) for batch in (keep, forget)]
    u, r = tuning.model.forward(forget), tuning.model.forward(keep)
    z_u, z_r = (normalize(_present(side.visual_embeds).float(), dim=-1) for side in (u, r))
    hard = hardness(_present(was[1].visual_logits).float(), forget.labels, settings.hardness)
    unlearn = inverse_contrastive(z_u, forget.labels, z_r, keep.labels, options.temperature, hard)
    separated = separation(z_r, keep.labels, z_u, options.temperature)
    kept = task(r.logits.float(), _present(r.visual_logits).float(), keep.labels)
    loss = settings.unlearn_weight * unlearn + options.separation_weight * separated + options.task_weight * kept
    if options.retention_weight:
        loss = loss + options.retention_weight * _visual_retention(r, was[0])
    if options.freeze_other or not options.consistency_weight:
        return loss
    return loss + options.consistency_weight * _audio_consistency([(keep, r, was[0]), (forget, u, was[1])])


def _original(tuning: Tuning, batch: Batch) -> Prediction:
    with torch.no_grad(), tuning.original():
        return tuning.model.forward(batch)


def _visual_retention(now: Prediction, was: Prediction) -> Tensor:
    """Change of the visual embeddings and predictions of retain pictures."""
    pairs = ((now.visual_embeds, was.visual_embeds), (now.visual_logits, was.visual_logits))
    (h, h_before), (logits, logits_before) = ((_present(a).float(), _present(b).float()) for a, b in pairs)
    return consistency(h, h_before, logits, logits_before)


def _audio_consistency(sides: Sequence[tuple[Batch, Prediction, Prediction]]) -> Tensor:
    """Change of the audio embeddings and predictions, over all examples with sound."""
    now, before = [], []
    for batch, predicted, was in sides:
        if predicted.audio_embeds is None or predicted.audio_logits is None:
            continue
        there = batch.has_audio
        now.append((predicted.audio_embeds[there], predicted.audio_logits[there]))
        before.append((_present(was.audio_embeds)[there], _present(was.audio_logits)[there]))
    h, logits = (torch.cat(parts).float() for parts in zip(*now, strict=True))
    h_before, logits_before = (torch.cat(parts).float() for parts in zip(*before, strict=True))
    return consistency(h, h_before, logits, logits_before)


def _present(values: Tensor | None) -> Tensor:
    assert values is not None  # noqa: S101 - every example has a picture here, and sound where it is asked for
    return values
