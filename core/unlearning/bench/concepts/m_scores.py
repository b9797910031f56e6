"""The M-Score of a target and of control concepts of its kind, before and after the patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.unlearning.bench.concepts.attacks import recogniser
from core.unlearning.bench.concepts.jobs import under_patch
from core.unlearning.families.diffusion import concepts, wordings
from core.unlearning.families.diffusion.evaluation.mscore import MScore, MScoreComparison, m_score
from core.unlearning.families.diffusion.judges.judges import Judges
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.training.inversion import InversionSettings
from core.unlearning.types import EntityKind

CONTROLS = 3
COURSE = InversionSettings(steps=100, patience=None)
_PICTURES = 12
_SEED = 3_000_000
"""First seed of the inverted pictures."""


@dataclass
class MScores:
    """Scores of the unchanged model are cached: every method is compared with them."""

    model: DiffusionModel
    judges: Judges
    retain_set: Path
    _before: dict[str, MScore] = field(default_factory=dict)

    def compare(self, adapter: Path, target: str, kind: EntityKind) -> dict[str, Any]:
        """The comparison as JSON values."""
        of_kind = {c.name: c.prompts["train"] for c in concepts.read(self.retain_set) if c.kind == kind}
        names = [target, *[name for name in of_kind if name != target][:CONTROLS]]
        pictures = {name: self._pictures(of_kind[name]) for name in names}
        for name in names:
            if name not in self._before:
                self._before[name] = self._score(self.model, name, kind, pictures[name])
        with under_patch(self.model, adapter) as patched:
            after = [self._score(patched, name, kind, pictures[name]) for name in names]
        before = [self._before[name] for name in names]
        comparison = MScoreComparison(before[0], after[0], tuple(before[1:]), tuple(after[1:]))
        return {**asdict(comparison), "drop": comparison.drop, "control_drop": comparison.control_drop}

    def _pictures(self, prompts: Sequence[str]) -> list[Any]:
        repeated = [prompts[n % len(prompts)] for n in range(_PICTURES)]
        return self.model.draw(repeated, range(_SEED, _SEED + _PICTURES))

    def _score(self, model: DiffusionModel, name: str, kind: EntityKind, pictures: Sequence[Any]) -> MScore:
        asks = wordings.prompts(kind, "{}", "train")
        return m_score(model, name, pictures, asks, recogniser(self.judges, name), settings=COURSE, seeds=(0,))
