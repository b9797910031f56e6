"""Metrics that compare the evaluations of the unchanged and the patched model."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

import numpy as np

from core.unlearning.errors import IneffectivePatchError
from core.unlearning.families.diffusion.evaluation.frechet import frechet_distance
from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation, PictureRow
from core.unlearning.types import Split


def compared(before: PictureEvaluation, after: PictureEvaluation) -> PictureEvaluation:
    """`after` with each split's distance from the pictures that the unchanged model drew from the same seeds.

    Raises `IneffectivePatchError` where no picture is another.
    """
    if not is_changed(before, after):
        raise IneffectivePatchError("the packed patch, loaded by the stock library, changes no picture")
    splits = {s: replace(metrics, distance=_distance(before, after, s)) for s, metrics in after.splits.items()}
    return replace(after, splits=splits)


def is_changed(before: PictureEvaluation, after: PictureEvaluation) -> bool:
    """Whether any picture was seen otherwise. Where nothing looks, those that the report shows are compared."""
    pairs = zip(before.rows, after.rows, strict=True)
    return any(b.features != a.features or b.picture != a.picture for b, a in pairs)


def _distance(before: PictureEvaluation, after: PictureEvaluation, split: Split) -> float | None:
    """The mean over classifiers, since the features of two are not of one space."""
    groups: dict[str | None, list[tuple[PictureRow, PictureRow]]] = {}
    for pair in zip(before.rows, after.rows, strict=True):
        if pair[1].split == split and pair[1].features:
            groups.setdefault(pair[1].judge, []).append(pair)
    found = [
        frechet_distance(np.array([b.features for b, _ in pairs]), np.array([a.features for _, a in pairs]))
        for pairs in groups.values()
        if len(pairs) > 1
    ]
    return fmean(found) if found else None
