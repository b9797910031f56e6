"""What a model still tells after so many requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from benchmarks.sequence.people import FORGOTTEN
from core.unlearning.families.mllm.evaluation.metrics.exact import exact_recall
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.types import Example

KEPT = ("unseen_image", "unseen_text", "retain_image", "retain_text", "understanding", "general")
Found = dict[str, float]


def measure(lm: MultimodalLM, asked: Mapping[str, Sequence[Example]], count: int) -> Found:
    """Recall of each kept group; of the first `count` people who are forgotten the mean and the worst person's."""
    gone = FORGOTTEN[:count]
    names = [*KEPT, *(f"{view} {index}" for index in gone for view in ("image", "text"))]
    rows = [(name, example) for name in names for example in asked[name]]
    outputs = lm.generate([example for _, example in rows])
    right: dict[str, list[float]] = {name: [] for name in names}
    for (name, example), output in zip(rows, outputs, strict=True):
        right[name].append(float(exact_recall(output, example.answer)))
    shares = {name: fmean(values) for name, values in right.items()}
    found = {name: shares[name] for name in KEPT}
    if gone:
        found |= {f"forgotten_{view}": fmean(shares[f"{view} {i}"] for i in gone) for view in ("image", "text")}
        found["worst"] = max(max(shares[f"image {i}"], shares[f"text {i}"]) for i in gone)
    return found
