"""One model measured on one scenario: plain numbers."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from benchmarks.audiovisual.scenarios import Scenario, asked
from core.unlearning.evaluation.attacks import Predictions, log_probability, strongest_attack
from core.unlearning.evaluation.cka import linear_cka
from core.unlearning.evaluation.divergence import agreement, js, kl
from core.unlearning.evaluation.membership import membership, true_positive_rate
from core.unlearning.evaluation.relearn_time import relearn_time
from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Prediction

_RELEARN_STEPS, _RELEARN_RATE = 60, 1e-4
_BACK = 0.05
"""A loss this near that of the original is back, in nats."""


@dataclass(frozen=True)
class Asked:
    """What a model says of each split, and the labels."""

    predicted: Mapping[str, Prediction]
    labels: Mapping[str, torch.Tensor]

    def accuracy(self, split: str, part: str = "logits") -> float:
        """Share of right answers; `part`: `logits`, `visual_logits` or `audio_logits`."""
        logits = getattr(self.predicted[split], part)
        return float((logits.argmax(-1) == self.labels[split]).float().mean())

    def seen(self, split: str) -> Predictions:
        """What an attacker has of the visual half."""
        logits = self.predicted[split].visual_logits
        assert logits is not None
        return Predictions(logits.double().numpy(), self.labels[split].numpy())

    def probabilities(self, split: str, part: str) -> Any:
        """[n, classes]."""
        return getattr(self.predicted[split], part).double().softmax(-1).numpy()


def ask(model: AudioVisualModel, scenario: Scenario) -> Asked:
    """Every split."""
    examples = asked(scenario)
    labels = {split: torch.tensor([model.labels.index(e.answer) for e in rows]) for split, rows in examples.items()}
    return Asked({split: model.predict(rows) for split, rows in examples.items()}, labels)


def measured(found: Asked) -> dict[str, Any]:
    """Accuracy and membership."""
    numbers: dict[str, Any] = {
        f"{split} {part}": found.accuracy(split, f"{part}_logits" if part != "fused" else "logits")
        for split in found.predicted
        for part in ("fused", "visual", "audio")
    }
    members, others = found.seen("forget_examples"), found.seen("forget_held_out")
    scores = log_probability(members).tolist(), log_probability(others).tolist()
    loss, worst = membership(*scores), strongest_attack(members, others)
    assert loss is not None
    assert worst is not None
    numbers |= {"auc": loss.auc, "auc low": loss.low, "auc high": loss.high}
    numbers |= {"tpr": true_positive_rate(*scores), "worst auc": worst.membership.auc, "worst attack": worst.attack}
    return numbers


def compared(found: Asked, reference: Asked) -> dict[str, float]:
    """How near the reference's predictions on what is forgotten are."""
    numbers = {}
    for name, part in (("fused", "logits"), ("visual", "visual_logits")):
        p, q = reference.probabilities("forget_examples", part), found.probabilities("forget_examples", part)
        numbers |= {f"{name} agreement": agreement(p, q), f"{name} js": js(p, q), f"{name} kl": kl(p, q)}
    return numbers


@torch.no_grad()
def layers(model: AudioVisualModel, scenario: Scenario) -> list[Any]:
    """What each layer of the visual encoder makes of what is forgotten [n, d], mean over positions."""
    batch = model.encode(asked(scenario)["forget_examples"])
    states = model.model.vision_model(batch.pixel_values, output_hidden_states=True).hidden_states
    return [_pooled(state).double().numpy() for state in states]


def _pooled(state: torch.Tensor) -> torch.Tensor:
    """Of positions [n, t, d] or of a map [n, d, h, w]."""
    return state.mean(1) if state.ndim == 3 else state.flatten(2).mean(2)


def similarity(one: list[Any], other: list[Any]) -> list[float]:
    """Linear CKA, layer by layer."""
    return [linear_cka(x, y) for x, y in zip(one, other, strict=True)]


def relearning(model: AudioVisualModel, scenario: Scenario, before: Asked) -> int:
    """Steps of AdamW on what was forgotten until its visual loss is back; the limit where it is not. A copy learns."""
    target = float(-np.mean(log_probability(before.seen("forget_examples")))) + _BACK
    steps = relearn_time(_losses(model, scenario), target)
    return _RELEARN_STEPS if steps is None else steps


def _losses(model: AudioVisualModel, scenario: Scenario) -> Iterator[float]:
    batch = model.encode(asked(scenario)["forget_examples"])
    learner = copy.deepcopy(model.model).requires_grad_(True)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=_RELEARN_RATE, weight_decay=0.0)
    for _ in range(_RELEARN_STEPS + 1):
        loss = cross_entropy(learner(pixel_values=batch.pixel_values).vision_logits, batch.labels)
        yield float(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
