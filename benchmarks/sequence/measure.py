"""Recall after a number of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from benchmarks.sequence.people import FORGOTTEN
from core.unlearning.families.language.evaluation.metrics.exact import exact_recall
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.types import Example

RETAINED = ("unseen_image", "unseen_text", "retain_image", "retain_text", "understanding", "general")
Recalls = dict[str, float]


def measure(lm: LanguageModel, examples: Mapping[str, Sequence[Example]], count: int) -> Recalls:
    """Recall of each retained group; of the first `count` forgotten people the mean, and the largest."""
    people = FORGOTTEN[:count]
    names = [*RETAINED, *(f"{view} {index}" for index in people for view in ("image", "text"))]
    rows = [(name, example) for name in names for example in examples[name]]
    outputs = lm.generate([example for _, example in rows])
    right: dict[str, list[float]] = {name: [] for name in names}
    for (name, example), output in zip(rows, outputs, strict=True):
        right[name].append(float(exact_recall(output, example.answer)))
    shares = {name: fmean(values) for name, values in right.items()}
    recalls = {name: shares[name] for name in RETAINED}
    if people:
        recalls |= {f"forgotten_{view}": fmean(shares[f"{view} {i}"] for i in people) for view in ("image", "text")}
        recalls["worst"] = max(max(shares[f"image {i}"], shares[f"text {i}"]) for i in people)
    return recalls
