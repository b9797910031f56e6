"""Evaluates a saved classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.unlearning.families.audiovisual.load import load
from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Prediction
from core.unlearning.reference.audiovisual.rows import LABELS, DigitRow
from core.unlearning.reference.audiovisual.train import examples
from core.unlearning.types import ModelSpec


@dataclass(frozen=True)
class Accuracy:
    """Shares of right answers: of both modalities together, and of each alone."""

    fused: float
    visual: float
    audio: float


def load_saved(folder: Path) -> AudioVisualModel:
    """The classifier of a checkpoint folder."""
    return load(ModelSpec(id=folder.name, family="audiovisual", source=str(folder)), device="cpu")


def accuracy(model: AudioVisualModel, rows: Sequence[DigitRow]) -> Accuracy:
    """Accuracy on the rows."""
    predictions, labels = model.predict(examples(rows)), _labels(rows)
    return Accuracy(*(_right(logits, labels) for logits in _parts(predictions)))


def membership(model: AudioVisualModel, members: Sequence[DigitRow], others: Sequence[DigitRow]) -> float:
    """AUC of membership inference by the visual loss; 0.5 is chance."""
    losses = torch.cat([_visual_loss(model, rows) for rows in (members, others)])
    truth = [True] * len(members) + [False] * len(others)
    return float(roc_auc_score(truth, -losses.numpy()))


def _visual_loss(model: AudioVisualModel, rows: Sequence[DigitRow]) -> Tensor:
    return cross_entropy(_parts(model.predict(examples(rows)))[1], _labels(rows), reduction="none")


def _parts(found: Prediction) -> tuple[Tensor, Tensor, Tensor]:
    if found.visual_logits is None or found.audio_logits is None:
        raise ValueError("rows of this world have both modalities")
    return found.logits, found.visual_logits, found.audio_logits


def _labels(rows: Sequence[DigitRow]) -> Tensor:
    return torch.tensor([LABELS.index(row.label) for row in rows])


def _right(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(1) == labels).float().mean().item()
