"""The settings of a whole benchmark, and who looks at its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.unlearning.bench.concepts.cases import CONTENDERS, ConceptCase
from core.unlearning.bench.store import ResultStore
from core.unlearning.families.diffusion.judges.classifiers import Classifier, load_clip, load_trained
from core.unlearning.families.diffusion.judges.judges import Judges
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.types import Level


@dataclass(frozen=True)
class ConceptSetup:
    """`work`: the folder of all results and patches. `options`: by method, override its defaults."""

    model: DiffusionModel
    judges: Judges
    retain_set: Path
    work: Path
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    attacked_seeds: Sequence[int] = (0,)
    """Seeds whose cases are attacked; cases of contenders with `attack_every_seed` always are."""
    attacked: Sequence[str] | None = None
    """Targets that are attacked; None: all."""
    scored: Sequence[str] = ()
    """Targets whose M-Score is measured too, in cases that are attacked."""

    @property
    def store(self) -> ResultStore:
        """The results of cases."""
        return ResultStore(self.work)

    def job_folder(self, case: ConceptCase) -> Path:
        """The work folder of the case's method."""
        return self.work / case.name

    def is_attacked(self, case: ConceptCase) -> bool:
        """Whether the case's patch is attacked."""
        target = self.attacked is None or case.targets[0] in self.attacked
        seed = case.seed in self.attacked_seeds or CONTENDERS[case.contender].attack_every_seed
        return target and seed and len(case.targets) == 1

    def is_scored(self, case: ConceptCase) -> bool:
        """Whether the case's M-Score is measured."""
        return self.is_attacked(case) and case.targets[0] in self.scored

    def level(self, case: ConceptCase) -> Level:
        """The level of the case's evaluation."""
        return "thorough" if self.is_attacked(case) else "standard"


def open_judges(classifiers: Path | None, clip: str | None, device: str) -> Judges:
    """The classifiers of that folder; CLIP recognises what they do not, and scores pictures against their prompts.

    Raises `ModelLoadError`.
    """
    trained: Mapping[str, Classifier] = load_trained(classifiers, device) if classifiers else {}
    return Judges(trained, load_clip(clip, device) if clip else None)
