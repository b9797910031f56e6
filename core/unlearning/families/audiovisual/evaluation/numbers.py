"""Metrics of a model's outputs: accuracies of a split, and the distance to a reference model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.unlearning.evaluation.attacks import Predictions, log_probability, log_softmax
from core.unlearning.evaluation.cka import linear_cka
from core.unlearning.evaluation.divergence import agreement, js, kl
from core.unlearning.evaluation.membership import Floats
from core.unlearning.families.audiovisual.evaluation.results import ClassifierMetrics, Flags, Outputs

_FEWEST = 2
"""Examples from which features can vary."""


def split_metrics(outputs: Outputs) -> ClassifierMetrics:
    """Accuracies, fused and of each modality alone, and the mean visual loss."""
    known = outputs.labels >= 0
    return ClassifierMetrics(
        count=len(outputs.labels),
        known=int(known.sum()),
        accuracy=_accuracy(outputs, outputs.fused, known),
        visual_accuracy=_accuracy(outputs, outputs.visual, known & outputs.has_image),
        audio_accuracy=_accuracy(outputs, outputs.audio, known & outputs.has_audio),
        visual_loss=visual_loss(outputs),
    )


def visual_predictions(outputs: Outputs | None) -> Predictions | None:
    """What the pictures alone say, of those whose label the model has; None where there is no such picture."""
    if outputs is None or outputs.visual is None:
        return None
    known = (outputs.labels >= 0) & outputs.has_image
    return Predictions(outputs.visual[known], outputs.labels[known]) if known.any() else None


def visual_loss(outputs: Outputs | None) -> float | None:
    """Mean cross-entropy of what the pictures alone say."""
    seen = visual_predictions(outputs)
    return None if seen is None else float(-log_probability(seen).mean())


def with_reference(metrics: ClassifierMetrics, outputs: Outputs | None, reference: Outputs | None) -> ClassifierMetrics:
    """With how near the pictures' predictions and embeddings are to the reference's, of the same examples."""
    if outputs is None or reference is None or outputs.visual is None or reference.visual is None:
        return metrics
    seen = outputs.has_image & reference.has_image
    if not seen.any():
        return metrics
    mine, its = outputs.visual[seen], reference.visual[seen]
    p, q = np.exp(log_softmax(its)), np.exp(log_softmax(mine))
    near = replace(metrics, agreement=agreement(its, mine), js=js(p, q), kl=kl(p, q))
    return replace(near, cka=_cka(outputs.embeds, reference.embeds, seen))


def audio_change(before: Outputs | None, after: Outputs | None) -> float | None:
    """The largest difference of any logit of the sounds."""
    if before is None or after is None or before.audio is None or after.audio is None:
        return None
    return float(np.abs(after.audio - before.audio).max(initial=0.0))


def _accuracy(outputs: Outputs, logits: Floats | None, counted: Flags) -> float | None:
    if logits is None or not counted.any():
        return None
    return float((logits[counted].argmax(1) == outputs.labels[counted]).mean())


def _cka(mine: Floats | None, its: Floats | None, seen: Flags) -> float | None:
    if mine is None or its is None or seen.sum() < _FEWEST:
        return None
    try:
        return linear_cka(mine[seen], its[seen])
    except ValueError:
        return None
