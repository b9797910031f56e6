"""The LoRA that carries what the model is taught: trained beside the language model, merged into it at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlavaForConditionalGeneration

RANK = 8
_MODULES = ("q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_FROZEN_SHARE = 4
"""One in so many layers, the lowest, stays as it is: words are read there, and nothing is remembered."""


def add_lora(model: LlavaForConditionalGeneration, seed: int) -> Any:
    """Put fresh adapters into the upper layers of the language model; everything else is frozen."""
    torch.manual_seed(seed)
    model.requires_grad_(False)
    language = model.model.language_model
    layers = len(language.layers)
    targets = [
        name
        for name, _ in language.named_modules()
        if name.endswith(_MODULES) and int(name.split(".")[1]) >= layers // _FROZEN_SHARE
    ]
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=targets)
    return get_peft_model(language, config)


def save_lora(adapted: Any, path: Path) -> None:
    """In half precision."""
    state: dict[str, Tensor] = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    save_file({name: weight.detach().half().contiguous() for name, weight in state.items()}, path)


def load_lora(adapted: Any, path: Path) -> None:
    """What `save_lora` wrote."""
    set_peft_model_state_dict(adapted, {name: weight.float() for name, weight in load_file(path).items()})
