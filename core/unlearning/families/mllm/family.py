"""The `mllm` family: any `AutoModelForImageTextToText` with its `AutoProcessor`."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.families.mllm.data import build_data
from core.unlearning.families.mllm.load import load
from core.unlearning.families.mllm.memory import remembering
from core.unlearning.families.mllm.model import MultimodalLM
from core.unlearning.progress import Progress
from core.unlearning.types import ForgetRequest, JobData, ModelSpec


class MllmFamily:
    """Multimodal language models."""

    name = "mllm"

    def load(self, spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> MultimodalLM:
        """See `load.load`."""
        return load(spec, precision=precision, device=device)

    def build_data(
        self, model: MultimodalLM, request: ForgetRequest, retain_set: Path | None, progress: Progress, seed: int
    ) -> JobData:
        """See `data.build_data`."""
        return build_data(model, request, retain_set, progress, seed)

    def remembering(
        self, model: MultimodalLM, checkpoints: Checkpoints, progress: Progress, part: str
    ) -> AbstractContextManager[None]:
        """See `memory.remembering`."""
        return remembering(model, checkpoints, progress, part)


FAMILY = MllmFamily()
