"""Evaluates a patched pipeline on prompts that no job has seen: of the target, of its kind, of other kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL.Image import Image

from core.unlearning.families.diffusion.evaluation.evaluate import evaluate
from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation
from core.unlearning.families.diffusion.judges.judges import Judges
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.progress import Silent
from core.unlearning.types import Example, Level

_SEED_STRIDE = 10_000
"""Distance between the picture seeds of two case seeds."""


@dataclass(frozen=True)
class SeedShiftedModel:
    """A model that draws with other picture seeds for each case seed."""

    model: DiffusionModel
    seed: int

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> list[Image]:
        """One picture for each prompt."""
        return self.model.draw(prompts, [_SEED_STRIDE * self.seed + seed for seed in seeds])


def evaluate_pipeline(
    model: DiffusionModel, judges: Judges, examples: Sequence[Example], seed: int, level: Level
) -> PictureEvaluation:
    """Evaluate the model as it is, with or without a patch."""
    return evaluate(SeedShiftedModel(model, seed), judges, examples, level=level, progress=Silent())


def case_numbers(before: PictureEvaluation, after: PictureEvaluation) -> dict[str, Any]:
    """The numbers of a case's result; `after`: returned by `compare.compared`."""
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
