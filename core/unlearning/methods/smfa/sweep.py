"""Choose k on held-out questions: the strongest forgetting that leaves enough standing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from core.unlearning.families.mllm.encode import Encoded
from core.unlearning.families.mllm.model import MultimodalLM
from core.unlearning.families.mllm.score import Scored, encode_all, score_encoded
from core.unlearning.methods.smfa.applied import applied
from core.unlearning.methods.smfa.config import K_GRID, Options
from core.unlearning.methods.smfa.recipe import Recipe, as_json
from core.unlearning.methods.smfa.rows import FORGET
from core.unlearning.methods.smfa.sculpt import sculpted
from core.unlearning.progress import Progress
from core.unlearning.types import Example

TIE = 0.003
"""Forgetting scores this close count as equal; then utility decides."""


@dataclass(frozen=True)
class Point:
    """One pair of strengths. `forget`: recall plus probability of what is to be forgotten, both in [0, 1], so 0 is
    best. `utility`: share of the base's right answers on what is kept that are still given, mean over splits.
    """

    k_image: float
    k_text: float
    forget: float
    utility: float

    def as_json(self) -> dict[str, Any]:
        """For sculpt.json and the report."""
        k = {"k_image": as_json(self.k_image), "k_text": as_json(self.k_text)}
        return {**k, "forget": round(self.forget, 5), "utility": round(self.utility, 5)}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Point:
        """The inverse of `as_json`."""
        return cls(float(row["k_image"]), float(row["k_text"]), row["forget"], row["utility"])


class Held:
    """The validation questions, with what the frozen model makes of them."""

    def __init__(self, lm: MultimodalLM, examples: Sequence[Example]) -> None:
        self._lm = lm
        self._rows = encode_all(lm, examples)
        before = score_encoded(lm, self._rows)
        self._forget = [n for n, e in enumerate(examples) if e.split in FORGET]
        self._kept: dict[str, list[int]] = defaultdict(list)
        for n, example in enumerate(examples):
            if example.split not in (*FORGET, "declined") and before[n].greedy:
                self._kept[example.split].append(n)

    def forgotten(self, below: float, *, images: bool | None = None) -> bool:
        """Whether no held-out question is still answered, and the answers' mean probability is under `below`.

        `images`: only questions with pictures, or only those without.
        """
        asked = [self._rows[n] for n in self._forget if images is None or bool(self._rows[n].vision) is images]
        if not asked:
            return False
        now = score_encoded(self._lm, asked)
        return not any(s.greedy for s in now) and fmean(math.exp(s.total) for s in now) <= below

    def measure(self) -> tuple[float, float]:
        """(forget, utility) of the model as it answers now."""
        wanted = sorted({*self._forget, *(n for rows in self._kept.values() for n in rows)})
        rows: list[Encoded] = [self._rows[n] for n in wanted]
        now: dict[int, Scored] = dict(zip(wanted, score_encoded(self._lm, rows), strict=True))
        forget = [float(now[n].greedy) + math.exp(now[n].total) for n in self._forget]
        utility = [fmean(float(now[n].greedy) for n in rows) for rows in self._kept.values()]
        return (fmean(forget) if forget else 0.0), (fmean(utility) if utility else 1.0)


def grid(options: Options) -> list[tuple[float, float]]:
    """Every pair of strengths to try. Where both are "auto" they move together."""
    pairs = []
    for k in K_GRID:
        image = k if options.k_image == "auto" else options.k_image
        text = k if options.k_text == "auto" else options.k_text
        pairs.append((image, text if options.views == "separate" else image))
    return list(dict.fromkeys(pairs))


def sweep(
    lm: MultimodalLM, recipe: Recipe, held: Held, pairs: Sequence[tuple[float, float]], progress: Progress
) -> list[Point]:
    """Measure every pair on the held-out questions."""
    points = []
    for k_image, k_text in pairs:
        with applied(lm.model, sculpted(recipe.views(k_image, k_text), recipe.anchor, recipe.granularity)):
            points.append(Point(k_image, k_text, *held.measure()))
        progress.step()
    return points


def best(points: Sequence[Point], floor: float) -> Point:
    """Within the floor the strongest forgetting; among equals the most useful, then the most sculpted.

    Where no point is within the floor, the most useful one.
    """
    inside = [p for p in points if p.utility >= floor]
    if not inside:
        return max(points, key=lambda p: (p.utility, -p.forget))
    strongest = min(p.forget for p in inside)
    return min((p for p in inside if p.forget <= strongest + TIE), key=lambda p: (-p.utility, p.k_image, p.k_text))
