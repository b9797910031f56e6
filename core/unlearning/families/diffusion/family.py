"""The `diffusion` family: Stable Diffusion 1.x, 2.x and XL pipelines of diffusers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.families.diffusion.data import build_data
from core.unlearning.families.diffusion.load import load
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.progress import Progress
from core.unlearning.types import ForgetRequest, JobData, ModelSpec


class DiffusionFamily:
    """Text-to-image pipelines."""

    name = "diffusion"

    def load(self, spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> DiffusionModel:
        """See `load.load`."""
        return load(spec, precision=precision, device=device)

    def build_data(
        self, model: DiffusionModel, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
    ) -> JobData:
        """See `data.build_data`."""
        return build_data(model, request, retain_set, progress, seed)

    def remembering(
        self,
        model: DiffusionModel,  # noqa: ARG002 (as in `Family`)
        checkpoints: Checkpoints,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
        part: str,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """Nothing is put aside: the same seeds draw the same pictures again."""
        return nullcontext()


FAMILY = DiffusionFamily()
