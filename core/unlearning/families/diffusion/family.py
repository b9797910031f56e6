"""The `diffusion` family: Stable Diffusion 1.x, 2.x and XL pipelines of diffusers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from PIL.Image import Image
from safetensors.torch import load_file

from core.unlearning.errors import IneffectivePatchError
from core.unlearning.families.base import BaseFamily
from core.unlearning.families.diffusion.config import INFO
from core.unlearning.families.diffusion.data.build import build_data
from core.unlearning.families.diffusion.evaluation.compare import compared
from core.unlearning.families.diffusion.evaluation.evaluate import evaluate, evaluation_steps
from core.unlearning.families.diffusion.evaluation.results import PictureEvaluation
from core.unlearning.families.diffusion.evaluation.samples import samples
from core.unlearning.families.diffusion.evaluation.specificity import with_responses
from core.unlearning.families.diffusion.load import load
from core.unlearning.families.diffusion.model.image_to_image import redraw_from_base
from core.unlearning.families.diffusion.model.lora_file import WEIGHTS
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.patches.pipeline_stock import examine
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Level

_NAME = "patch"


class DiffusionFamily(BaseFamily[DiffusionModel, PictureEvaluation]):
    """Text-to-image pipelines."""

    info = INFO
    load = staticmethod(load)
    build_data = staticmethod(build_data)
    compared = staticmethod(compared)
    samples = staticmethod(samples)

    def evaluate(
        self, model: DiffusionModel, examples: Sequence[Example], *, level: Level, progress: Progress
    ) -> PictureEvaluation:
        """See `evaluate.evaluate`."""

        def redraw(prompts: Sequence[str], seeds: Sequence[int]) -> list[Image]:
            return redraw_from_base(model, prompts, seeds)

        return evaluate(model, model.judges, examples, level=level, progress=progress, redraw=redraw)

    def evaluate_packed(
        self, model: DiffusionModel, adapter: Path, examples: Sequence[Example], *, level: Level, progress: Progress
    ) -> PictureEvaluation:
        """With stock diffusers, once it is sure that it loads all of the patch and nothing else."""
        pipe, prompts = model.pipe, [e.question for e in examples if e.split.startswith("forget_")]
        found = examine(pipe, adapter, prompts[0] if prompts else "")
        found.check()
        pipe.load_lora_weights(str(adapter), weight_name=WEIGHTS, adapter_name=_NAME)
        try:
            evaluation = self.evaluate(model, examples, level=level, progress=progress)
            splits = with_responses(pipe, _NAME, examples, evaluation.splits)
        finally:
            pipe.unload_lora_weights()
        return replace(evaluation, splits=splits, stock=asdict(found))

    def evaluation_steps(self, examples: Sequence[Example], level: Level, *, packed: bool = False) -> int:  # noqa: ARG002
        """See `evaluate.evaluation_steps`."""
        return evaluation_steps(examples, level, redraw=True)

    def check_effect(self, adapter: Path) -> None:
        """From the file alone."""
        tensors = load_file(adapter / WEIGHTS)
        ends = [name for name in tensors if name.endswith("lora_B.weight")]
        if not any(bool((tensors[b].float() @ tensors[b.replace("lora_B", "lora_A")].float()).any()) for b in ends):
            raise IneffectivePatchError("The patch changes nothing: its weights add up to zero.")

    def modules(self, model: DiffusionModel) -> Any:
        """The whole pipeline."""
        return model.pipe


FAMILY = DiffusionFamily()
