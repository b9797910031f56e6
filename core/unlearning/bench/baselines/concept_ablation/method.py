"""`concept-ablation` (its model-based variant) from end to end, as a LoRA on the cross-attention."""

from __future__ import annotations

import torch

from core.unlearning.bench.baselines.concept_ablation.config import INFO, Options
from core.unlearning.families.diffusion.data.anchor import anchor_words, with_anchor
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


class ConceptAblation:
    """The baseline `concept-ablation`."""

    def run(self, model: DiffusionModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter`. Leaves the model unchanged."""
        words = anchor_words(model.pipe.tokenizer, data, options.anchor)
        rows = [(example, word) for example in prompts_to_forget(data) for word in words]
        anchors = [with_anchor(example, word) for example, word in rows]
        clean = draw_latents(model, anchors, options.pictures, options.seed)
        with torch.no_grad():
            concept, anchor = (
                encode_prompts(model.pipe, [e.question for e, _ in rows]),
                encode_prompts(model.pipe, anchors),
            )

        def batch(generator: torch.Generator) -> DistillationBatch:
            """Noised pictures of the anchor; the target is the base's prediction for the anchor."""
            chosen = torch.randint(0, len(rows), (options.batch,), generator=generator)
            pictures = clean[torch.randint(0, len(clean), (options.batch,), generator=generator)]
            noise = add_noise(model, pictures, generator)
            with torch.no_grad(), without_lora(model.pipe.unet):
                target = predict(model, noise, select_prompts(anchor, chosen))
            return DistillationBatch(noise, select_prompts(concept, chosen), target)

        return train_lora(model, batch, options, job, INFO.name)


METHOD = ConceptAblation()
