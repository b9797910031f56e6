"""Load a registered classifier of pictures and sounds: safetensors only, code from its folder or the hub never."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, AutoProcessor

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.audiovisual.data import dataset
from core.unlearning.families.audiovisual.model import auto
from core.unlearning.families.audiovisual.model.configuration import AudioVisualConfig
from core.unlearning.families.audiovisual.model.dual_encoder import DualEncoder
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.families.shared.loading import chosen_device, dtype_of, loading, public_source
from core.unlearning.types import ModelSpec

DUAL_ENCODERS = ("clip", "siglip")


def load(spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> AudioVisualModel:
    """Load the classifier frozen and in evaluation mode.

    `precision`: "float32", "bfloat16", "float16", or "auto": as saved on an accelerator, float32 on a CPU. A dual
    encoder has no classes of its own: they are the labels of the registered data set. Raises `ModelLoadError`.
    """
    auto.register()
    device = chosen_device(device)
    with loading(spec) as where:
        config = AutoConfig.from_pretrained(spec.source, trust_remote_code=False, **where)
        _check_kind(spec, config)
        model = _load_model(spec.source, _dtype(precision, device), device, where)
        processor: Any = AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            spec.source, trust_remote_code=False, **where
        )
    source = public_source(spec)
    if isinstance(config, AudioVisualConfig):
        return AudioVisualModel(model=model, processor=processor, source=source)
    return DualEncoder(model=model, processor=processor, source=source, classes=_classes(spec))


def _check_kind(spec: ModelSpec, config: Any) -> None:
    known = (AudioVisualConfig.model_type, *DUAL_ENCODERS)
    if config.model_type not in known:
        raise ModelLoadError(f"model {spec.id!r} is a {str(config.model_type)[:80]}; known are: {', '.join(known)}")


def _load_model(source: str, dtype: torch.dtype | str, device: str, where: Mapping[str, str]) -> Any:
    models: Any = AutoModel
    model, told = models.from_pretrained(
        source, dtype=dtype, use_safetensors=True, trust_remote_code=False, output_loading_info=True, **where
    )
    if told["missing_keys"]:
        raise ModelLoadError(f"its weights lack {len(told['missing_keys'])} tensors of the model")
    return model.to(device).requires_grad_(False).eval()


def _dtype(precision: str, device: str) -> torch.dtype | str:
    if precision == "auto":
        return torch.float32 if device == "cpu" else "auto"
    return dtype_of(precision)


def _classes(spec: ModelSpec) -> tuple[str, ...]:
    if spec.retain_set is None:
        raise ModelLoadError(f"model {spec.id!r} needs a retain set: its labels are the classes")
    return dataset.read(spec.retain_set).labels
