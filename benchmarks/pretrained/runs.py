"""Which jobs are run: of one person with every seed, of three people and of the declining variant with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.unlearning import reference

WorldName = Literal["smollm2-vision", "smollm2"]
Variant = Literal["inventing", "declining"]


@dataclass(frozen=True)
class Run:
    """One job. `prepared`: with a retain set by `lethe models prepare`."""

    world: WorldName
    subjects: tuple[str, ...]
    seed: int = 0
    level: str = "standard"
    variant: Variant = "inventing"
    prepared: bool = False

    @property
    def model(self) -> str:
        """The id that the model is registered by."""
        parts = [self.world, *(["declining"] if self.variant == "declining" else [])]
        return "-".join([*parts, *(["prepared"] if self.prepared else [])])

    @property
    def name(self) -> str:
        """The folder of the job."""
        who = "-".join(name.split()[-1].lower() for name in self.subjects)
        return f"{self.model}-{who}-{self.level}-seed{self.seed}"


def all_runs(seeds: Sequence[int]) -> dict[str, list[Run]]:
    """By what they show."""
    one, three = reference.standard_requests("smollm2-vision")
    return {
        "vision": [*(Run("smollm2-vision", one, seed) for seed in seeds), Run("smollm2-vision", three)],
        "declining": [Run("smollm2-vision", one, variant="declining")],
        "prepared": [*(Run("smollm2-vision", one, seed, prepared=True) for seed in seeds)],
        "quick": [Run("smollm2-vision", one, level="quick")],
        "llm": [Run("smollm2", names) for names in reference.standard_requests("smollm2")],
    }
