"""Load a registered multimodal LLM and its processor: safetensors only, code from the hub never."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    BitsAndBytesConfig,
)
from transformers.models.auto import processing_auto
from transformers.processing_utils import ProcessorMixin

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.shared.loading import chosen_device, dtype_of, loading, public_source
from core.unlearning.types import ModelSpec


def load(spec: ModelSpec, *, precision: str = "auto", device: str | None = None) -> MultimodalLM:
    """Load the model frozen and in evaluation mode.

    `precision`: "float32", "bfloat16", "float16", "4bit" (needs bitsandbytes), or "auto": bfloat16 on an accelerator
    that has it, as saved on another, float32 on a CPU (where half precision is slower and gains nothing). Raises
    `ModelLoadError`.
    """
    with loading(spec) as where:
        processor = load_processor(spec.source, **where)
        model = _load_model(spec.source, precision, chosen_device(device), where)
    return MultimodalLM(model=model, processor=processor, source=public_source(spec))


def _load_model(source: str, precision: str, device: str, where: dict[str, str]) -> Any:
    model: Any
    kwargs: dict[str, Any] = {"use_safetensors": True, "trust_remote_code": False, **where}
    AutoConfig.from_pretrained(source, trust_remote_code=False, **where)
    if precision == "4bit":
        model = AutoModelForImageTextToText.from_pretrained(
            source, quantization_config=_four_bit(), device_map={"": device}, **kwargs
        )
        _keep_differentiable(model)
    else:
        model = AutoModelForImageTextToText.from_pretrained(source, dtype=dtype_for(precision, device), **kwargs)
        model.to(device)
    return model.requires_grad_(False).eval()


def dtype_for(precision: str, device: str) -> torch.dtype | str:
    """The type of weights that `load` asks for; "auto" for as saved."""
    if precision == "auto":
        if device == "cpu":
            return torch.float32
        has = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has else "auto"
    return dtype_of(precision)


def _four_bit() -> BitsAndBytesConfig:
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelLoadError("precision '4bit' needs the bitsandbytes package, which is not installed")
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _keep_differentiable(model: Any) -> None:
    """On CPUs with AVX-512 BF16 bitsandbytes repacks weights for a product that has no gradient, once one was not asked
    for: nothing would be learned below such a layer any more.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def load_processor(source: str, **where: str) -> Any:
    """The `AutoProcessor` of a model. Without torchvision, video-capable processors are put together image-only."""
    try:
        return AutoProcessor.from_pretrained(source, trust_remote_code=False, **where)  # type: ignore[no-untyped-call]
    except (ImportError, ValueError, AttributeError) as error:
        if "torchvision" not in str(error).lower() and "video" not in str(error).lower():
            raise
        return _without_video(source, **where)


def _without_video(source: str, **where: str) -> Any:
    config = AutoConfig.from_pretrained(source, trust_remote_code=False, **where)
    saved, _ = ProcessorMixin.get_processor_dict(source, **where)
    names: Any = vars(processing_auto)["PROCESSOR_MAPPING_NAMES"]
    made = image_only(getattr(transformers, saved.pop("processor_class", None) or names[config.model_type]))
    for part in ("image_processor", "video_processor", "auto_map"):
        saved.pop(part, None)
    images: Any = AutoImageProcessor
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False, **where)
    saved.setdefault("chat_template", tokenizer.chat_template)
    return made(images.from_pretrained(source, trust_remote_code=False, **where), tokenizer, None, **saved)


def image_only(processor_class: type[Any]) -> type[Any]:
    """A processor class that does without its video processor."""

    def check(self: Any, name: str, argument: Any) -> Any:
        if argument is None and "video" in name:
            return type(None)
        return processor_class.check_argument_for_proper_class(self, name, argument)

    return type(processor_class.__name__, (processor_class,), {"check_argument_for_proper_class": check})
