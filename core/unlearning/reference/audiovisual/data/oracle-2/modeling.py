"""A classifier of pictures and sounds whose halves can be asked apart. It is copied into checkpoints, as the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoModel, PreTrainedModel
from transformers.utils.generic import ModelOutput

# Relative, so that transformers copies it into the checkpoint too.
from .configuration import AudioVisualConfig

UNIMODAL_WEIGHT = 0.5
"""Of the loss of each half, beside that of both together."""


@dataclass
class AudioVisualOutput(ModelOutput):
    """Logits [N, C] and embeddings [N, D]; None where the modality was not given. `logits` is the sum of the halves."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    vision_logits: Tensor | None = None
    audio_logits: Tensor | None = None
    vision_embeds: Tensor | None = None
    audio_embeds: Tensor | None = None


class AudioVisualForClassification(PreTrainedModel):  # type: ignore[no-untyped-call]
    """Late fusion with the head split by modality: logits = W_v h_v + b_v + W_a h_a + b_a.

    The split is that of OGM-GE (Peng et al. 2022), which gives each half of one concatenated head half of its bias.
    """

    config_class = AudioVisualConfig
    base_model_prefix = ""
    main_input_name = "pixel_values"
    input_modalities = ["image", "audio"]  # noqa: RUF012

    def __init__(self, config: AudioVisualConfig) -> None:
        super().__init__(config)
        encoders: Any = AutoModel
        classes = len(config.id2label or ())
        self.vision_model = encoders.from_config(config.vision_config)
        self.audio_model = encoders.from_config(config.audio_config)
        self.vision_head = nn.Linear(width(config.vision_config), classes)
        self.audio_head = nn.Linear(width(config.audio_config), classes)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        pixel_values: Tensor | None = None,
        input_values: Tensor | None = None,
        labels: Tensor | None = None,
        **_: Any,
    ) -> AudioVisualOutput:
        """Either modality may be missing. `labels` [N]; the loss is CE(l) + 0.5 CE(l_v) + 0.5 CE(l_a)."""
        seen = None if pixel_values is None else pool(self.vision_model(pixel_values))
        heard = None if input_values is None else pool(self.audio_model(input_values))
        vision = None if seen is None else self.vision_head(seen)
        audio = None if heard is None else self.audio_head(heard)
        halves = [half for half in (vision, audio) if half is not None]
        if not halves:
            raise ValueError("pixel_values, input_values or both are needed")
        logits = torch.stack(halves).sum(0)
        return AudioVisualOutput(
            loss=None if labels is None else loss(logits, halves, labels),
            logits=logits,
            vision_logits=vision,
            audio_logits=audio,
            vision_embeds=seen,
            audio_embeds=heard,
        )


def loss(logits: Tensor, halves: list[Tensor], labels: Tensor) -> Tensor:
    """CE(l) + 0.5 CE(l_v) + 0.5 CE(l_a), or the one cross-entropy there is where a modality is missing."""
    whole = cross_entropy(logits, labels)
    if len(halves) == 1:
        return whole
    return whole + UNIMODAL_WEIGHT * sum((cross_entropy(half, labels) for half in halves), torch.zeros_like(whole))


def pool(output: Any) -> Tensor:
    """What an encoder says of each input as a whole [N, D]: its own pooling, or the mean over positions."""
    given: Tensor | None = getattr(output, "pooler_output", None)
    return output.last_hidden_state.mean(1) if given is None else given.flatten(1)


def width(config: Any) -> int:
    """D of an encoder: the last of its widths where it has several."""
    sizes = getattr(config, "hidden_sizes", None)
    return int(sizes[-1] if sizes else config.hidden_size)
