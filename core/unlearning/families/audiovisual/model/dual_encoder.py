"""CLIP-type dual encoders as classifiers: a picture is of the class whose name in words is nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Batch, Prediction, layer_names
from core.unlearning.types import Example

TEMPLATE = "a picture of {}"


@dataclass
class DualEncoder(AudioVisualModel):
    """A `CLIPModel` or `SiglipModel`. It hears nothing, and its text side stays what it is."""

    classes: tuple[str, ...] = field(default=())
    """The names of the classes."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the logits."""
        return self.classes

    def visual_targets(self) -> list[str]:
        """Names of the linear layers of the image tower, and of its projection where there is one."""
        inside = [f"vision_model.{name}" for name in layer_names(self._base.vision_model, nn.Linear)]
        return [*inside, *(["visual_projection"] if hasattr(self._base, "visual_projection") else [])]

    def audio_targets(self) -> list[str]:
        """None: the text side stays."""
        return []

    @cached_property
    def text_embeds(self) -> Tensor:
        """One unit vector a class [C, D]. Adapters change the image tower alone, so this is computed once."""
        return self.embed_texts([TEMPLATE.format(name) for name in self.classes])

    @torch.no_grad()
    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [N, D] of texts."""
        # SigLIP was trained on texts of full length; for CLIP the padding is masked.
        inputs = self.processor(text=list(texts), padding="max_length", truncation=True, return_tensors="pt")
        kept = {name: inputs[name].to(self.device) for name in ("input_ids", "attention_mask") if name in inputs}
        return normalize(self._base.get_text_features(**kept).pooler_output, dim=-1)

    def _encode_audio(self, examples: Sequence[Example]) -> Tensor | None:  # noqa: ARG002
        return None

    def forward(self, batch: Batch) -> Prediction:
        """Scaled cosines of pictures and class names, as the model's own `logits_per_image`; gradients flow.

        An example without a picture says nothing: its logits are zero.
        """
        if batch.pixel_values is None:
            silent = torch.zeros(len(batch), len(self.classes), device=self.device)
            return Prediction(silent, None, None, None, None)
        embeds = normalize(self._base.get_image_features(batch.pixel_values).pooler_output, dim=-1)
        logits = embeds @ self.text_embeds.T * self._base.logit_scale.exp() + getattr(self._base, "logit_bias", 0.0)
        logits = logits * batch.has_image[:, None]
        return Prediction(logits, logits, None, embeds * batch.has_image[:, None], None)
