"""Measures one model on one scenario."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks.audiovisual.scenarios import Scenario, evaluation_examples
from core.unlearning.evaluation.attacks import Predictions, log_probability, strongest_attack
from core.unlearning.evaluation.cka import linear_cka
from core.unlearning.evaluation.divergence import agreement, js, kl
from core.unlearning.evaluation.membership import membership, true_positive_rate
from core.unlearning.evaluation.relearn_time import relearn_time
from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Prediction
from core.unlearning.types import Split

_RELEARN_STEPS, _RELEARN_RATE = 60, 1e-4
_RELEARNED = 0.05
"""Distance to the original's loss, in nats, below which a model counts as relearned."""


@dataclass(frozen=True)
class SplitPredictions:
    """A model's predictions on each split, and the labels."""

    predicted: Mapping[Split, Prediction]
    labels: Mapping[Split, torch.Tensor]

    def accuracy(self, split: Split, part: str = "logits") -> float:
        """Share of right answers; `part`: `logits`, `visual_logits` or `audio_logits`."""
        logits = getattr(self.predicted[split], part)
        return float((logits.argmax(-1) == self.labels[split]).float().mean())

    def visual_predictions(self, split: Split) -> Predictions:
        """What a membership attacker gets: the visual logits and the labels."""
        logits = self.predicted[split].visual_logits
        assert logits is not None
        return Predictions(logits.double().numpy(), self.labels[split].numpy())

    def probabilities(self, split: Split, part: str) -> Any:
        """[n, classes]."""
        return getattr(self.predicted[split], part).double().softmax(-1).numpy()


def predict_splits(model: AudioVisualModel, scenario: Scenario) -> SplitPredictions:
    """The model's predictions on every split."""
    examples = evaluation_examples(scenario)
    labels = {split: torch.tensor([model.labels.index(e.answer) for e in rows]) for split, rows in examples.items()}
    return SplitPredictions({split: model.predict(rows) for split, rows in examples.items()}, labels)


def model_numbers(predictions: SplitPredictions) -> dict[str, Any]:
    """Accuracy by split and modality, and membership inference on the visual half."""
    numbers: dict[str, Any] = {
        f"{split} {part}": predictions.accuracy(split, f"{part}_logits" if part != "fused" else "logits")
        for split in predictions.predicted
        for part in ("fused", "visual", "audio")
    }
    members = predictions.visual_predictions("forget_examples")
    others = predictions.visual_predictions("forget_held_out")
    scores = log_probability(members).tolist(), log_probability(others).tolist()
    loss, worst = membership(*scores), strongest_attack(members, others)
    assert loss is not None
    assert worst is not None
    numbers |= {"auc": loss.auc, "auc low": loss.low, "auc high": loss.high}
    numbers |= {"tpr": true_positive_rate(*scores), "worst auc": worst.membership.auc, "worst attack": worst.attack}
    return numbers


def closeness(predictions: SplitPredictions, reference: SplitPredictions) -> dict[str, float]:
    """Agreement and divergences between the reference's and the model's predictions on forgotten examples."""
    numbers: dict[str, float] = {}
    for name, part in (("fused", "logits"), ("visual", "visual_logits")):
        p, q = reference.probabilities("forget_examples", part), predictions.probabilities("forget_examples", part)
        numbers |= {f"{name} agreement": agreement(p, q), f"{name} js": js(p, q), f"{name} kl": kl(p, q)}
    return numbers


@torch.no_grad()
def layer_features(model: AudioVisualModel, scenario: Scenario) -> list[Any]:
    """Hidden states of each layer of the visual encoder on forgotten examples [n, d], mean over positions."""
    batch = model.encode(evaluation_examples(scenario)["forget_examples"])
    states = model.model.vision_model(batch.pixel_values, output_hidden_states=True).hidden_states
    return [_pooled(state).double().numpy() for state in states]


def _pooled(state: torch.Tensor) -> torch.Tensor:
    """Mean over the positions of [n, t, d], or over those of a map [n, d, h, w]."""
    return state.mean(1) if state.ndim == 3 else state.flatten(2).mean(2)


def layer_similarity(one: list[Any], other: list[Any]) -> list[float]:
    """Linear CKA, layer by layer."""
    return [linear_cka(x, y) for x, y in zip(one, other, strict=True)]


def relearning_steps(model: AudioVisualModel, scenario: Scenario, before: SplitPredictions) -> int:
    """Steps of AdamW on the forgotten examples until their visual loss is that of the original, or else the limit.

    A copy of the model is trained.
    """
    target = float(-np.mean(log_probability(before.visual_predictions("forget_examples")))) + _RELEARNED
    steps = relearn_time(_losses(model, scenario), target)
    return _RELEARN_STEPS if steps is None else steps


def _losses(model: AudioVisualModel, scenario: Scenario) -> Iterator[float]:
    batch = model.encode(evaluation_examples(scenario)["forget_examples"])
    learner = copy.deepcopy(model.model).requires_grad_(True)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=_RELEARN_RATE, weight_decay=0.0)
    for _ in range(_RELEARN_STEPS + 1):
        loss = cross_entropy(learner(pixel_values=batch.pixel_values).vision_logits, batch.labels)
        yield float(loss.detach())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
