"""`concept-ablation` (its model-based variant) from end to end, as a LoRA on the cross-attention."""

from __future__ import annotations

import torch

from core.unlearning.bench.baselines.concept_ablation.config import INFO, Options
from core.unlearning.families.diffusion.data.anchor import anchor_words, instead
from core.unlearning.families.diffusion.model.adapters import without_lora
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import noised, predict
from core.unlearning.families.diffusion.model.text import choose, encode
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.shared.lora_distillation import Lesson, drawn, prompts_to_forget, trained
from core.unlearning.types import JobData


class ConceptAblation:
    """The baseline `concept-ablation`."""

    def run(self, model: DiffusionModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter`. The model itself is left as it was."""
        words = anchor_words(model.pipe.tokenizer, data, options.anchor)
        rows = [(example, word) for example in prompts_to_forget(data) for word in words]
        anchors = [instead(example, word) for example, word in rows]
        clean = drawn(model, anchors, options.pictures, options.seed)
        with torch.no_grad():
            concept, anchor = encode(model.pipe, [e.question for e, _ in rows]), encode(model.pipe, anchors)

        def lesson(generator: torch.Generator) -> Lesson:
            """What the base predicts for the anchor, on pictures of it."""
            picked = torch.randint(0, len(rows), (options.batch,), generator=generator)
            shown = clean[torch.randint(0, len(clean), (options.batch,), generator=generator)]
            noise = noised(model, shown, generator)
            with torch.no_grad(), without_lora(model.pipe.unet):
                wanted = predict(model, noise, choose(anchor, picked))
            return Lesson(noise, choose(concept, picked), wanted)

        return trained(model, lesson, options, job, INFO.name)


METHOD = ConceptAblation()
