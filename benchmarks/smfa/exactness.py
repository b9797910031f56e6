"""Whether the shipped adapter equals the sculpted model, computed here a second time from the recipe, densely.

Mask and scale as in the paper (arXiv 2511.20196; see docs/background/smfa.md): with F and A the forgetting and the
anchor delta of one matrix, entries with F*A < 0 and k * (|F| / |A|) * |A_ij| < |F_ij| (norms: Frobenius) are removed
from F.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForImageTextToText

from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.types import Example

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def sculpted_delta(forget: Tensor, anchor: Tensor, k: float) -> Tensor:
    """The entries of `forget` that are not masked; both deltas [out, in] in float64."""
    if math.isinf(k):
        return forget
    rho = forget.norm() / (anchor.norm() + 1e-12)
    mask = (forget * anchor < 0) & (k * rho * anchor.abs() < forget.abs())
    return torch.where(mask, torch.zeros_like(forget), forget)


def lora_delta(adapter: Path) -> dict[str, Tensor]:
    """The dense float64 delta of each module path, from a PEFT LoRA folder."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    scale = config["lora_alpha"] / config["r"]
    tensors = load_file(adapter / "adapter_model.safetensors")
    names = [n.removesuffix(".lora_A.weight") for n in tensors if n.endswith(".lora_A.weight")]
    return {
        name.removeprefix("base_model.model."): scale
        * tensors[f"{name}.lora_B.weight"].double()
        @ tensors[f"{name}.lora_A.weight"].double()
        for name in names
    }


def sculpted_model(base: str, recipe: Path) -> Any:
    """The base with the sculpted delta added to its weights, from `recipe/` alone."""
    model: Any = AutoModelForImageTextToText.from_pretrained(base)
    model.eval()
    plan = json.loads((recipe / "sculpt.json").read_text())
    views = {"mfa_joint": plan["k_image"]} if plan["views"] == "joint" else {}
    views = views or {"mfa_image": plan["k_image"], "mfa_text": plan["k_text"]}
    share = 1 / len(views) if plan["combine"] == "average" else 1
    anchor = lora_delta(recipe / "ra")
    deltas = {adapter: lora_delta(recipe / adapter) for adapter in views}
    for name, anchor_delta in anchor.items():
        parts = (sculpted_delta(deltas[adapter][name], anchor_delta, float(k)) for adapter, k in views.items())
        delta = sum(share * part for part in parts)
        weight = model.get_submodule(name).weight
        weight.data.copy_((weight.double() + delta).to(weight.dtype))
    return model


def differences(
    base: str, patch: Path, lm: LanguageModel, examples: Sequence[Example], scratch: Path
) -> dict[str, float]:
    """Largest absolute differences between logits of the shipped adapter and of the dense calculation.

    The former come from a fresh process with stock libraries. In float64 they show the patch's error, in float32
    rounding too; `rounding` compares the dense calculation in float32 with that in float64.
    """
    inputs = scratch / "inputs.safetensors"
    rows = [lm.encoder.prompt(e.question, e.image) for e in examples]
    batch = collate(rows, lm.pad_id, lm.device).inputs
    save_file({name: tensor.contiguous() for name, tensor in batch.items()}, inputs)
    real = batch["attention_mask"].bool()
    stock = {dtype: _stock(base, patch / "adapter", inputs, dtype)[real] for dtype in _DTYPES}
    model = sculpted_model(base, patch / "recipe")
    own = {name: _dense(model, batch, dtype)[real] for name, dtype in _DTYPES.items()}
    errors = {name: float((own[name] - stock[name]).abs().max()) for name in _DTYPES}
    return {**errors, "rounding": float((own["float32"].double() - own["float64"]).abs().max())}


def _stock(base: str, adapter: Path, inputs: Path, dtype: str) -> Tensor:
    out = inputs.with_name("logits.safetensors")
    script = Path(__file__).with_name("stock_logits.py")
    subprocess.run([sys.executable, script, base, adapter, inputs, out, dtype], check=True)
    return load_file(out)["logits"]


@torch.no_grad()
def _dense(model: Any, batch: Mapping[str, Tensor], dtype: torch.dtype) -> Tensor:
    given = {name: value.to(dtype) if value.is_floating_point() else value for name, value in batch.items()}
    logits: Tensor = model.to(dtype)(**given).logits
    return logits
