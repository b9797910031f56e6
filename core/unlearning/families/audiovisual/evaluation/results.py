"""What an evaluation of a classifier of pictures and sounds found. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.unlearning.evaluation.membership import Floats
from core.unlearning.evaluation.results import Outcomes
from core.unlearning.types import Level, Split

Flags = NDArray[np.bool_]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Outputs:
    """What the model said of a split's examples, N of them; a modality that none of them has is None.

    `labels` [N], -1 where the model has no such label; `fused`, `visual`, `audio`: logits [N, C]; `embeds`: of the
    pictures [N, D]; `has_image`, `has_audio` [N]: whether the example has a picture, a sound.
    """

    labels: Labels
    has_image: Flags
    has_audio: Flags
    fused: Floats
    visual: Floats | None
    audio: Floats | None
    embeds: Floats | None


@dataclass(frozen=True)
class ClassifierMetrics:
    """The numbers of one split; None where one cannot be had. `known` of `count` examples have a label of the model."""

    count: int
    known: int
    accuracy: float | None = None
    visual_accuracy: float | None = None
    audio_accuracy: float | None = None
    visual_loss: float | None = None
    membership_auc: float | None = None
    membership_tpr: float | None = None
    membership_worst: float | None = None
    agreement: float | None = None
    js: float | None = None
    kl: float | None = None
    cka: float | None = None
    audio_change: float | None = None
    relearn_steps: int | None = None


@dataclass(frozen=True)
class ClassifierEvaluation:
    """One model measured on one list of examples. See `core.unlearning.evaluation.results.Evaluated`."""

    level: Level
    splits: Mapping[Split, ClassifierMetrics]
    classes: int
    """How many the model tells apart."""
    attack: Mapping[str, Any] = field(default_factory=dict)
    """How membership was measured: `interval` of the AUC, the strongest `attack`, and who the `non_members` were."""
    outputs: Mapping[Split, Outputs] = field(default_factory=dict, repr=False, compare=False)
    robustness: tuple[Any, ...] = ()

    def value(self, split: Split, metric: str) -> float | None:
        """A metric of a split; None when the split is empty or the metric could not be had."""
        number: float | None = getattr(self.splits.get(split), metric, None)
        return number

    def outcomes(self, split: Split, metric: str) -> Outcomes | None:  # noqa: ARG002 (as in `Evaluated`)
        """Not at hand."""
        return None

    def measured(self, split: Split) -> bool:
        """Whether there was a picture with a label that the model has."""
        return self.value(split, "visual_accuracy") is not None

    def recall(self, split: Split) -> float | None:
        """Share of the pictures that are told right."""
        return self.value(split, "visual_accuracy")

    def beside(self, split: Split) -> Mapping[str, Any]:
        """How many classes there are, and of what is forgotten how membership was measured."""
        if split != "forget_examples" or not self.attack:
            return {"classes": self.classes}
        more = {name: value for name, value in self.attack.items() if name != "interval"}
        return {"classes": self.classes, "membership_interval": list(self.attack["interval"]), "membership": more}

    def overall(self) -> Mapping[str, Any]:
        """Nothing."""
        return {}
