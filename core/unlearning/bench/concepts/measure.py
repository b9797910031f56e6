"""What a patched pipeline draws of the target and of everything else, on prompts that no job has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image

from core.unlearning.families.diffusion.evaluation.evaluate import evaluate
from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation
from core.unlearning.families.diffusion.eyes import Eyes
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.progress import Silent
from core.unlearning.types import Example, Level

_APART = 10_000
"""Between the seeds of two seeds."""


@dataclass(frozen=True)
class Painter:
    """A model whose pictures come from seeds of their own."""

    model: DiffusionModel
    seed: int

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image]:
        """One picture for each prompt."""
        return self.model.draw(prompts, [_APART * self.seed + seed for seed in seeds])


def measured(
    model: DiffusionModel, eyes: Eyes, examples: Sequence[Example], seed: int, level: Level
) -> PictureEvaluation:
    """The model as it is now."""
    return evaluate(Painter(model, seed), eyes, examples, level=level, progress=Silent())


def numbers(before: PictureEvaluation, after: PictureEvaluation) -> dict[str, Any]:
    """What a case is judged by; `after` as `compared` gives it."""
    return {
        "ua": after.value("forget_concept", "ua"),
        "ua_indirect": after.value("forget_indirect", "ua"),
        "ira": after.value("retain_same", "ira"),
        "cra": after.value("retain_cross", "cra"),
        "base": {
            "ua": before.value("forget_concept", "ua"),
            "ira": before.value("retain_same", "ira"),
            "cra": before.value("retain_cross", "cra"),
        },
        "specificity": after.value("forget_concept", "specificity"),
        "clip_score": {name: split.clip_score for name, split in after.splits.items()},
        "distance": {name: split.distance for name, split in after.splits.items()},
        "attacks": {row.check: row.recognised for row in after.robustness},
    }
