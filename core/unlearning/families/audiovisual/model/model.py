"""A loaded classifier of pictures and sounds, and its predictions for examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.unlearning.errors import OutOfMemoryError
from core.unlearning.families.audiovisual.model.processor import resample
from core.unlearning.families.shared.out_of_memory import is_out_of_memory
from core.unlearning.types import Example

UNKNOWN = -1
"""In the place of a label that the model does not have."""


@dataclass(frozen=True)
class Batch:
    """Examples as tensors. A modality that none of them has is None; where only some lack it, their rows are zero."""

    pixel_values: Tensor | None
    input_values: Tensor | None
    labels: Tensor
    """[N] int64, `UNKNOWN` where the answer is no label of the model."""
    has_image: Tensor
    """[N] bool."""
    has_audio: Tensor
    """[N] bool."""

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, rows: Tensor) -> Batch:
        """Some of the rows, by index or mask."""
        values: dict[str, Any] = {name: v if v is None else v[rows] for name, v in _values(self)}
        return Batch(**values)


@dataclass(frozen=True)
class Prediction:
    """Logits [N, C] and embeddings [N, D] of each modality, zero for an example without it; None where none has it."""

    logits: Tensor
    visual_logits: Tensor | None
    audio_logits: Tensor | None
    visual_embeds: Tensor | None
    audio_embeds: Tensor | None


@dataclass
class AudioVisualModel:
    """A two-branch classifier, or a `PeftModel` around one, with its processor."""

    model: Any
    processor: Any
    source: str = ""
    """How patches name this base: its hub id, or the id it is registered by."""
    batch_size: int = 64
    """Examples that are predicted at once; halved for the run when memory runs out."""

    @property
    def device(self) -> torch.device:
        """Where the inputs go."""
        return torch.device(self.model.device)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the logits."""
        named = self.model.config.id2label
        return tuple(named[at] for at in range(len(named)))

    @property
    def _base(self) -> Any:
        """Without the `PeftModel` around it."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    def visual_targets(self) -> list[str]:
        """Names of the visual layers that an adapter may change: the linear ones, and its half of the head.

        An encoder without any linear layer offers its convolutions.
        """
        inside = layer_names(self._base.vision_model, nn.Linear) or layer_names(self._base.vision_model, nn.Conv2d)
        return [*(f"vision_model.{name}" for name in inside), "vision_head"]

    def audio_targets(self) -> list[str]:
        """The same of the other modality, for methods that train it too; none where its side always stays."""
        inside = layer_names(self._base.audio_model, nn.Linear) or layer_names(self._base.audio_model, nn.Conv2d)
        return [*(f"audio_model.{name}" for name in inside), "audio_head"]

    def encode(self, examples: Sequence[Example]) -> Batch:
        """The examples as one batch on the model's device."""
        known = {label: at for at, label in enumerate(self.labels)}
        seen = [e.image for e in examples if e.image is not None]
        return Batch(
            pixel_values=self._spread(self._pictures(seen), [e.image is not None for e in examples]) if seen else None,
            input_values=self._encode_audio(examples),
            labels=torch.tensor([known.get(e.answer, UNKNOWN) for e in examples], device=self.device),
            has_image=torch.tensor([e.image is not None for e in examples], device=self.device),
            has_audio=torch.tensor([e.audio is not None for e in examples], device=self.device),
        )

    def _pictures(self, images: Sequence[Any]) -> Tensor:
        pixels: Tensor = self.processor(images=list(images), return_tensors="pt")["pixel_values"]
        return pixels

    def _encode_audio(self, examples: Sequence[Example]) -> Tensor | None:
        rate = int(self.processor.feature_extractor.sampling_rate)
        clips = [resample(np.asarray(e.audio.samples), e.audio.rate, rate) for e in examples if e.audio is not None]
        if not clips:
            return None
        values = self.processor(audio=clips, sampling_rate=rate, return_tensors="pt")["input_values"]
        return self._spread(values, [e.audio is not None for e in examples])

    def _spread(self, values: Tensor, present: Sequence[bool]) -> Tensor:
        """Put rows [M, ...] where `present` says so; zeros [N, ...] elsewhere."""
        wide = torch.zeros(len(present), *values.shape[1:], dtype=self.model.dtype)
        wide[torch.tensor(present)] = values.to(self.model.dtype)
        return wide.to(self.device)

    def forward(self, batch: Batch) -> Prediction:
        """Predictions for a batch, with gradients."""
        out = self.model(pixel_values=batch.pixel_values, input_values=batch.input_values)
        visual, audio = _mask(out.vision_logits, batch.has_image), _mask(out.audio_logits, batch.has_audio)
        return Prediction(
            logits=torch.stack([half for half in (visual, audio) if half is not None]).sum(0),
            visual_logits=visual,
            audio_logits=audio,
            visual_embeds=_mask(out.vision_embeds, batch.has_image),
            audio_embeds=_mask(out.audio_embeds, batch.has_audio),
        )

    @torch.no_grad()
    def predict(self, examples: Sequence[Example]) -> Prediction:
        """The same of any number of examples, on the CPU in float32; what lacks a modality is zero there."""
        parts: list[Prediction] = []
        done = 0
        while done < len(examples):
            try:
                parts.append(_to_cpu(self.forward(self.encode(examples[done : done + self.batch_size]))))
                done += self.batch_size
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if self.batch_size == 1:
                    raise OutOfMemoryError("a single example does not fit into memory") from None
                self.batch_size //= 2
        return _join(parts)


def layer_names(module: nn.Module, kind: type[nn.Module]) -> list[str]:
    """Names of the layers of a kind, as they were before any adapter. Convolutions of channel groups are left out."""
    found = [(name, layer) for name, layer in module.named_modules() if isinstance(layer, kind) and "lora_" not in name]
    return [name.removesuffix(".base_layer") for name, layer in found if getattr(layer, "groups", 1) == 1]


def _mask(values: Tensor | None, present: Tensor) -> Tensor | None:
    return None if values is None else values * present[:, None]


def _values(item: Batch | Prediction) -> list[tuple[str, Any]]:
    return [(field.name, getattr(item, field.name)) for field in fields(item)]


def _to_cpu(predicted: Prediction) -> Prediction:
    values: dict[str, Any] = {name: v if v is None else v.float().cpu() for name, v in _values(predicted)}
    return Prediction(**values)


def _join(parts: Sequence[Prediction]) -> Prediction:
    """Batches one after the other; where a batch lacks a modality that another has, it is zero there."""
    joined: dict[str, Any] = {}
    for field in fields(Prediction):
        values = [getattr(part, field.name) for part in parts]
        like = next((v for v in values if v is not None), None)
        filled = [
            v if v is not None or like is None else like.new_zeros(len(part.logits), like.shape[1])
            for v, part in zip(values, parts, strict=True)
        ]
        joined[field.name] = None if like is None else torch.cat(filled)
    return Prediction(**joined)
