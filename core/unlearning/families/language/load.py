"""Load the weights of a registered language model: safetensors only, code from the hub never."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from transformers import AutoConfig, BitsAndBytesConfig

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.shared.loading import dtype_of


def load_weights(auto_class: Any, source: str, precision: str, device: str, where: dict[str, str]) -> Any:
    """The model, frozen and in evaluation mode. `auto_class`: transformers' class for models of the family.

    `precision`: "float32", "bfloat16", "float16", "4bit" (needs bitsandbytes), or "auto": bfloat16 on an accelerator
    that has it, as saved on another, float32 on a CPU (where half precision is slower and gains nothing). Raises
    `ModelLoadError`.
    """
    model: Any
    kwargs: dict[str, Any] = {"use_safetensors": True, "trust_remote_code": False, **where}
    AutoConfig.from_pretrained(source, trust_remote_code=False, **where)
    if precision == "4bit":
        model = auto_class.from_pretrained(source, quantization_config=_four_bit(), device_map={"": device}, **kwargs)
        _keep_differentiable(model)
    else:
        model = auto_class.from_pretrained(source, dtype=dtype_for(precision, device), **kwargs)
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
