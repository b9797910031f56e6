"""`esd-x` from end to end, as a LoRA on the cross-attention."""

from __future__ import annotations

import torch

from core.unlearning.bench.baselines.esd_x.config import INFO, Options
from core.unlearning.families.diffusion.model.adapters import without_lora
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import noised, predict
from core.unlearning.families.diffusion.model.text import choose, encode
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.shared.lora_distillation import Lesson, drawn, prompts_to_forget, trained
from core.unlearning.types import JobData


class EsdX:
    """The baseline `esd-x`."""

    def run(self, model: DiffusionModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter`. The model itself is left as it was."""
        asked = [example.question for example in prompts_to_forget(data)]
        clean = drawn(model, asked, options.pictures, options.seed)
        with torch.no_grad():
            concept, empty = encode(model.pipe, asked), encode(model.pipe, [""] * options.batch)

        def lesson(generator: torch.Generator) -> Lesson:
            """The prediction for the empty prompt, and from there away from that for the concept."""
            text = choose(concept, torch.randint(0, len(asked), (options.batch,), generator=generator))
            rows = noised(model, clean[torch.randint(0, len(clean), (options.batch,), generator=generator)], generator)
            with torch.no_grad(), without_lora(model.pipe.unet):
                nothing, shown = predict(model, rows, empty), predict(model, rows, text)
            return Lesson(rows, text, nothing - options.guidance * (shown - nothing))

        return trained(model, lesson, options, job, INFO.name)


METHOD = EsdX()
