"""What every family of models offers. `load_family` imports torch; this module alone does not."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.progress import Progress
from core.unlearning.types import ForgetRequest, JobData, ModelSpec

FAMILIES = ("mllm",)


class Family(Protocol):
    """A kind of model: how it is loaded, and how a request becomes examples for it."""

    name: str

    def load(self, spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> Any:
        """The registered model, ready to answer. Raises `ModelLoadError`."""

    def build_data(
        self, model: Any, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
    ) -> JobData:
        """Examples for training, for choosing k, and for the report. Raises `InvalidInputError`."""

    def remembering(
        self, model: Any, checkpoints: Checkpoints, progress: Progress, part: str
    ) -> AbstractContextManager[None]:
        """Inside, what the unchanged model says is put aside as `part`, and what is there is not asked again."""


def load_family(name: str) -> Family:
    """The family of that name; raises `KeyError` for an unknown one."""
    if name not in FAMILIES:
        raise KeyError(name)
    family: Family = import_module(f"core.unlearning.families.{name}.family").FAMILY
    return family
