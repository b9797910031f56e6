"""Load a registered diffusers pipeline: safetensors only, code from the hub never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.diffusion import eyes
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.families.shared.safe_folder import require_safe
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
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
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
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    local = Path(spec.source).is_dir()
    if local:
        require_safe(Path(spec.source))
    try:
        pipe = _load_pipeline(spec, precision, device)
    except ModelLoadError:
        raise
    except Exception as error:
        raise ModelLoadError(f"model {spec.id!r} cannot be loaded: {_first_line(error)}") from error
    # What is written into patches: a folder of this machine means nothing to who loads them.
    return DiffusionModel(
        pipe=pipe,
        source=spec.id if local else spec.source,
        steps=int(_number(spec, "draw_steps", _STEPS)),
        guidance=_number(spec, "draw_guidance", _GUIDANCE),
        eyes=eyes.load(spec, device),
    )


def _load_pipeline(spec: ModelSpec, precision: str, device: str) -> Any:
    local = Path(spec.source).is_dir()
    where: dict[str, Any] = {} if local or not spec.revision else {"revision": spec.revision}
    index = DiffusionPipeline.load_config(spec.source, **where)
    name = str(index.get("_class_name"))
    if name not in _PIPELINES:
        raise ModelLoadError(f"model {spec.id!r} is a {name[:80]}; known are: {', '.join(_PIPELINES)}")
    pipeline, without = _PIPELINES[name]
    pipe = pipeline.from_pretrained(
        spec.source,
        dtype=_dtype(Path(spec.source) if local else None, precision, device),
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


def _dtype(folder: Path | None, precision: str, device: str) -> torch.dtype:
    if precision == "auto":
        return torch.float32 if device == "cpu" else _saved(folder)
    if precision not in _DTYPES:
        raise ModelLoadError(f"precision {precision!r} is not one that pipelines have", code="invalid_option")
    return _DTYPES[precision]


def _saved(folder: Path | None) -> torch.dtype:
    """What the denoiser's weights are saved in; diffusers itself would widen them. Half of a hub's model."""
    for path in sorted((folder / "unet").glob("*.safetensors")) if folder else ():
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


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no detail'}"
