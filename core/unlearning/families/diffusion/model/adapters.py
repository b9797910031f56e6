"""A LoRA on the attention of a frozen denoiser: add it, disable it, read its factors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict
from torch import Tensor

from core.unlearning.families.diffusion.model.lora_file import Factors

NAME = "lethe"
KEY_VALUES = ("attn2.to_k", "attn2.to_v")
OUTPUT = ("attn2.to_out.0",)
OUTPUTS = (*OUTPUT, "attn1.to_out.0")
"""Of both attentions: to the text, and of the picture to itself."""
ALL = (*KEY_VALUES, "attn2.to_q", *OUTPUT)
BLOCKS = ("to_k", "to_v", "to_q", "to_out.0", "ff.net.0.proj", "ff.net.2")
"""Every linear layer of the transformer blocks, self-attention too."""
_A, _B = ".lora_A.weight", ".lora_B.weight"


@contextmanager
def with_lora(unet: Any, targets: Sequence[str], rank: int, seed: int) -> Iterator[list[torch.nn.Parameter]]:
    """The denoiser with a fresh float32 LoRA, alpha = rank; its parameters. On exit the denoiser is restored."""
    torch.manual_seed(seed)
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=list(targets)), adapter_name=NAME)
    try:
        parameters = [parameter for parameter in unet.parameters() if parameter.requires_grad]
        for parameter in parameters:
            parameter.data = parameter.data.float()
        yield parameters
    finally:
        unet.unload_lora()
        unet.requires_grad_(False)


@contextmanager
def without_lora(unet: Any) -> Iterator[None]:
    """Disable the LoRA, so that the denoiser is its own frozen teacher."""
    unet.disable_adapters()
    try:
        yield
    finally:
        unet.enable_adapters()


@contextmanager
def applying_factors(unet: Any, changes: Factors) -> Iterator[None]:
    """Add these changes to the denoiser's weights; on exit the weights are restored bit for bit."""
    layers = {path: unet.get_submodule(path) for path in changes}
    before = {path: layer.weight.data for path, layer in layers.items()}
    try:
        for path, (lora_a, lora_b) in changes.items():
            layers[path].weight.data = before[path] + (lora_b @ lora_a).to(before[path])
        yield
    finally:
        for path, layer in layers.items():
            layer.weight.data = before[path]


def factors(unet: Any) -> dict[str, tuple[Tensor, Tensor]]:
    """A [rank, in] and B [out, rank] by the path of each layer."""
    state = get_peft_model_state_dict(unet, adapter_name=NAME)
    paths = [name.removesuffix(_A) for name in state if name.endswith(_A)]
    return {path: (state[path + _A].detach().clone(), state[path + _B].detach().clone()) for path in paths}
