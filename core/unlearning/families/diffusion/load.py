"""Load a registered diffusers pipeline: safetensors only, code from the hub never."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.diffusion.judges import judges
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.shared.loading import chosen_device, dtype_of, loading, public_source
from core.unlearning.patches.tensor_file import TensorFileError, read_header
from core.unlearning.types import ModelSpec

_PIPELINES: dict[str, tuple[Any, dict[str, Any]]] = {
    "StableDiffusionPipeline": (
        StableDiffusionPipeline,
        {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False},
    ),
    "StableDiffusionXLPipeline": (StableDiffusionXLPipeline, {"add_watermarker": False}),
}
"""By the class that model_index.json names: who loads it, and what is left out."""
_SAVED = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
_STEPS, _GUIDANCE = 30, 7.5


def load(spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> DiffusionModel:
    """Load the pipeline frozen and in evaluation mode.

    `precision`: "float32", "bfloat16", "float16", or "auto": as saved on an accelerator, float32 on a CPU.
    Raises `ModelLoadError`.
    """
    # Its warnings quote prompts that are too long; its bars are nobody's to watch.
    logs: Any = diffusers_logging
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    device = chosen_device(device)
    with loading(spec) as where:
        pipe = _load_pipeline(spec, precision, device, where)
    return DiffusionModel(
        pipe=pipe,
        source=public_source(spec),
        steps=int(_number(spec, "draw_steps", _STEPS)),
        guidance=_number(spec, "draw_guidance", _GUIDANCE),
        judges=judges.load(spec, device),
    )


def _load_pipeline(spec: ModelSpec, precision: str, device: str, where: Mapping[str, str]) -> Any:
    index = DiffusionPipeline.load_config(spec.source, **where)
    name = str(index.get("_class_name"))
    if name not in _PIPELINES:
        raise ModelLoadError(f"model {spec.id!r} is a {name[:80]}; known are: {', '.join(_PIPELINES)}")
    pipeline, without = _PIPELINES[name]
    pipe = pipeline.from_pretrained(
        spec.source,
        dtype=_dtype(Path(spec.source), precision, device),
        use_safetensors=True,
        trust_remote_code=False,
        **where,
        **without,
    )
    pipe.set_progress_bar_config(disable=True)
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.requires_grad_(False).eval()
    return pipe.to(device)


def _dtype(folder: Path, precision: str, device: str) -> torch.dtype:
    if precision == "auto":
        return torch.float32 if device == "cpu" else _saved(folder)
    return dtype_of(precision)


def _saved(folder: Path) -> torch.dtype:
    """What the denoiser's weights are saved in; diffusers itself would widen them. Half of a hub's model."""
    for path in sorted((folder / "unet").glob("*.safetensors")):
        try:
            with path.open("rb") as stream:
                entries = read_header(stream, path.stat().st_size)
        except (OSError, TensorFileError):
            raise ModelLoadError(f"{path.name} of the denoiser cannot be read") from None
        return _SAVED.get(entries[0].dtype, torch.float32) if entries else torch.float32
    return torch.float16


def _number(spec: ModelSpec, name: str, otherwise: float) -> float:
    value = spec.defaults.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ModelLoadError(f"{name} of model {spec.id!r} is not a number above 0", code="invalid_option")
    return float(value)
