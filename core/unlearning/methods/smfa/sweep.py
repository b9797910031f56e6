"""Chooses k on held-out questions: the strongest forgetting that leaves enough utility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.deltas import applying_deltas
from core.unlearning.methods.smfa.config import K_GRID, Options
from core.unlearning.methods.smfa.recipe import Recipe, as_json
from core.unlearning.methods.smfa.validation import Validation
from core.unlearning.progress import Progress

TIE = 0.003
"""Forgetting scores that differ by no more count as equal; then utility decides."""
FORGET_METRICS = ("exact", "fact_probability")
"""The metrics that `Point.forget` is the sum of."""


@dataclass(frozen=True)
class Point:
    """One pair of strengths and what it gives.

    `forget`: recall plus probability of the answers to forget, each in [0, 1], so 0 is best. `utility`: share of the
    base model's right answers on what is retained that are still right, mean over splits. `excess`: in mode `erasure`
    the share that is left of the excess over the controls' level, in [0, 1].
    """

    k_image: float
    k_text: float
    forget: float
    utility: float
    excess: float | None = None

    @property
    def left(self) -> float:
        """All that is still to be forgotten."""
        return self.forget + (self.excess or 0.0)

    def as_json(self) -> dict[str, Any]:
        """For sculpt.json and the report."""
        k = {"k_image": as_json(self.k_image), "k_text": as_json(self.k_text)}
        excess = {} if self.excess is None else {"excess": round(self.excess, 5)}
        return {**k, "forget": round(self.forget, 5), "utility": round(self.utility, 5), **excess}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Point:
        """The inverse of `as_json`."""
        return cls(float(row["k_image"]), float(row["k_text"]), row["forget"], row["utility"], row.get("excess"))


def grid(options: Options) -> list[tuple[float, float]]:
    """Every pair of strengths to try. Where both are "auto" they move together."""
    pairs = []
    for k in K_GRID:
        image = k if options.k_image == "auto" else options.k_image
        text = k if options.k_text == "auto" else options.k_text
        pairs.append((image, text if options.views == "separate" else image))
    return list(dict.fromkeys(pairs))


def sweep(
    lm: LanguageModel,
    recipe: Recipe,
    validation: Validation,
    pairs: Sequence[tuple[float, float]],
    progress: Progress,
) -> list[Point]:
    """Measures the model with each pair's sculpted adapter."""
    points = []
    for k_image, k_text in pairs:
        with applying_deltas(lm.model, recipe.sculpted(k_image, k_text)):
            points.append(Point(k_image, k_text, *validation.measure()))
        progress.step()
    return points


def best(points: Sequence[Point], floor: float) -> Point:
    """Within the utility floor the strongest forgetting; among equals the most useful, then the most sculpted.

    Where no point is within the floor, the floor is let go: a patch that forgets, and fails by what it harmed, is of
    more use than one that does neither.
    """
    inside = [p for p in points if p.utility >= floor] or list(points)
    strongest = min(p.left for p in inside)
    return min((p for p in inside if p.left <= strongest + TIE), key=lambda p: (-p.utility, p.k_image, p.k_text))


def nearest_weaker(curve: Sequence[Point], k_image: float, k_text: float) -> Point | None:
    """The point of these strengths; failing that the nearest with no larger k in either view, which forgets less."""
    weaker = [point for point in curve if point.k_image <= k_image and point.k_text <= k_text]
    return max(weaker, key=lambda point: (point.k_image, point.k_text), default=None)
