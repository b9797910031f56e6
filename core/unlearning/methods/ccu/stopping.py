"""The stop criterion: the forget set looks like data that the model was never trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.unlearning.evaluation.membership import auc
from core.unlearning.families.audiovisual.model.model import UNKNOWN, AudioVisualModel, Batch


@dataclass
class Criterion:
    """Looks at the model as it is now. `forwards` counts the examples that it was asked about."""

    model: AudioVisualModel
    forget: Sequence[Batch]
    held_out: Sequence[Batch]
    accuracy: float | None = None
    """Of a class: how much of it may still be recognised. None for subjects and samples."""
    apart: float = 0.5
    """Of subjects and samples: the AUC of telling them from held-out examples that may be left, see `expect`."""
    forwards: int = field(default=0, init=False)

    def margin(self) -> float:
        """At or above 0 once the criterion is met.

        Subjects and samples: mean CE(l_v) of what is forgotten, less that of held-out examples, which the model never
        saw either; or `apart` less the AUC of telling the two apart by it, where that is more: a mean hangs on the few
        examples that a model is sure of and wrong about. A class: the accuracy that may be left, less that of l_v.
        """
        if self.accuracy is not None:
            return self.accuracy - float(self._scores(self.forget, _correct).mean())
        forgotten, others = self._scores(self.forget, _losses), self._scores(self.held_out, _losses)
        return max(float(forgotten.mean() - others.mean()), self.apart - _auc(forgotten, others))

    def expect(self, keep: Sequence[Batch]) -> None:
        """Set `apart`, with the model as it was: to the AUC of telling what is forgotten from what is kept.

        The model was trained on both, so what tells them apart is that some pictures are easier than others. It will
        tell the easier ones from held-out pictures as well, without having seen either.
        """
        self.apart = _auc(self._scores(self.forget, _losses), self._scores(keep, _losses))

    @torch.no_grad()
    def _scores(self, batches: Sequence[Batch], score: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        self.forwards += sum(len(batch) for batch in batches)
        return torch.cat([score(_visual_logits(self.model, batch), batch.labels) for batch in batches]).double()


def _auc(losses: Tensor, others: Tensor) -> float:
    """Chance that one of `losses` is smaller than one of the `others`."""
    return auc((-losses).tolist(), (-others).tolist())


@torch.no_grad()
def refine(unmet: Sequence[Tensor], parameters: Sequence[nn.Parameter], criterion: Criterion, halvings: int) -> float:
    """Go back along the straight line towards `unmet` as far as the criterion allows; the part of the way that is left.

    `parameters` meet the criterion, `unmet` are their values at the last look that did not.
    """
    met = [parameter.detach().clone() for parameter in parameters]
    low, high = 0.0, 1.0
    for _ in range(halvings):
        middle = (low + high) / 2
        _place(parameters, unmet, met, middle)
        if criterion.margin() >= 0:
            high = middle
        else:
            low = middle
    _place(parameters, unmet, met, high)
    return high


def _place(parameters: Sequence[nn.Parameter], start: Sequence[Tensor], end: Sequence[Tensor], part: float) -> None:
    for parameter, a, b in zip(parameters, start, end, strict=True):
        parameter.copy_(torch.lerp(a, b, part))


def _visual_logits(model: AudioVisualModel, batch: Batch) -> Tensor:
    logits = model.forward(batch).visual_logits
    assert logits is not None  # noqa: S101 - every example of a criterion has a picture
    return logits.float()


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    known = labels != UNKNOWN
    return cross_entropy(logits[known], labels[known], reduction="none")


def _correct(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.argmax(-1) == labels
