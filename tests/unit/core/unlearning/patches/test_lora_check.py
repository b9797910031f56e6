"""The offline check of a diffusion patch's files."""

from __future__ import annotations

import io

import pytest
import torch
from safetensors.torch import save

from core.unlearning.patches import lora_check
from core.unlearning.patches.adapter_check import AdapterError
from core.unlearning.patches.archive import Member

PATH = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"


def _member(tensors: dict[str, torch.Tensor]) -> Member:
    data = save(tensors)
    stream = io.BytesIO(data)
    stream.name = "weights"
    return Member(stream, len(data))


def _lora(prefix: str = "unet.", **changed: torch.Tensor) -> dict[str, torch.Tensor]:
    parts = {"lora_A": torch.ones(2, 4).half(), "lora_B": torch.ones(8, 2).half(), **changed}
    return {f"{prefix}{PATH}.{part}.weight": tensor for part, tensor in parts.items()}


def test_a_sound_file_is_read() -> None:
    found = lora_check.check(_member(_lora()))
    assert found.modules == {PATH}
    assert found.effective


def test_a_file_of_zeros_has_no_effect() -> None:
    assert not lora_check.check(_member(_lora(lora_B=torch.zeros(8, 2).half()))).effective


@pytest.mark.parametrize("prefix", ["", "model.", "transformer.", "base_model.model.unet."])
def test_a_prefix_that_diffusers_ignores_is_caught(prefix: str) -> None:
    with pytest.raises(AdapterError, match="would not load"):
        lora_check.check(_member(_lora(prefix)))


def test_factors_must_fit_each_other() -> None:
    with pytest.raises(AdapterError, match="do not fit"):
        lora_check.check(_member(_lora(lora_B=torch.ones(8, 3).half())))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_must_be_finite(value: float) -> None:
    with pytest.raises(AdapterError, match="not finite"):
        lora_check.check(_member(_lora(lora_A=torch.full((2, 4), value).half())))


def test_the_twin_must_be_for_the_same_modules() -> None:
    found = lora_check.check(_member(_lora()))
    name = f"lora_unet_{PATH.replace('.', '_')}"
    twin = {
        f"{name}.lora_down.weight": torch.ones(2, 4),
        f"{name}.lora_up.weight": torch.ones(8, 2),
        f"{name}.alpha": torch.tensor(2.0),
    }
    assert lora_check.check_twin(_member(twin), found) == 1
    other = {key.replace("to_k", "to_v"): tensor for key, tensor in twin.items()}
    with pytest.raises(AdapterError, match="other modules"):
        lora_check.check_twin(_member(other), found)
