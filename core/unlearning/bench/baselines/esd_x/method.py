"""`esd-x` from end to end, as a LoRA on the cross-attention."""

from __future__ import annotations

import torch

from core.unlearning.bench.baselines.esd_x.config import INFO, Options
from core.unlearning.families.diffusion.model.adapters import without_lora
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import add_noise, predict
from core.unlearning.families.diffusion.model.text import encode_prompts, select_prompts
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.shared.lora_distillation import (
    DistillationBatch,
    draw_latents,
    prompts_to_forget,
    train_lora,
)
from core.unlearning.types import JobData


class EsdX:
    """The baseline `esd-x`."""

    def run(self, model: DiffusionModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter`. Leaves the model unchanged."""
        prompts = [example.question for example in prompts_to_forget(data)]
        clean = draw_latents(model, prompts, options.pictures, options.seed)
        with torch.no_grad():
            concept, empty = encode_prompts(model.pipe, prompts), encode_prompts(model.pipe, [""] * options.batch)

        def batch(generator: torch.Generator) -> DistillationBatch:
            """The target is the empty prompt's prediction, moved away from the concept's by `guidance`."""
            text = select_prompts(concept, torch.randint(0, len(prompts), (options.batch,), generator=generator))
            pictures = clean[torch.randint(0, len(clean), (options.batch,), generator=generator)]
            rows = add_noise(model, pictures, generator)
            with torch.no_grad(), without_lora(model.pipe.unet):
                unconditional, conditional = predict(model, rows, empty), predict(model, rows, text)
            return DistillationBatch(rows, text, unconditional - options.guidance * (conditional - unconditional))

        return train_lora(model, batch, options, job, INFO.name)


METHOD = EsdX()
