"""Metrics that compare two evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from core.unlearning.errors import IneffectivePatchError
from core.unlearning.families.audiovisual.evaluation import numbers
from core.unlearning.families.audiovisual.evaluation.results import ClassifierEvaluation, Outputs
from core.unlearning.types import Split

_UNCHANGED = 1e-6
"""Logits that differ by less are the same."""


def compared(before: ClassifierEvaluation, after: ClassifierEvaluation) -> ClassifierEvaluation:
    """`after` with how much what the sounds say has changed.

    Raises `IneffectivePatchError` where no picture is seen otherwise than before.
    """
    if not _is_changed(before.outputs, after.outputs):
        raise IneffectivePatchError("the packed patch, loaded by the stock library, changes no prediction")
    splits = {
        split: replace(metrics, audio_change=numbers.audio_change(before.outputs.get(split), after.outputs.get(split)))
        for split, metrics in after.splits.items()
    }
    return replace(after, splits=splits)


def beside_reference(found: ClassifierEvaluation, reference: ClassifierEvaluation) -> ClassifierEvaluation:
    """`found` with how near its predictions are to the reference's."""
    splits = {
        split: numbers.with_reference(metrics, found.outputs.get(split), reference.outputs.get(split))
        for split, metrics in found.splits.items()
    }
    return replace(found, splits=splits)


def _is_changed(before: Mapping[Split, Outputs], after: Mapping[Split, Outputs]) -> bool:
    pairs = [(before[split].visual, after[split].visual) for split in before if split in after]
    seen = [(then, now) for then, now in pairs if then is not None and now is not None]
    return any(np.abs(now - then).max(initial=0.0) >= _UNCHANGED for then, now in seen)
