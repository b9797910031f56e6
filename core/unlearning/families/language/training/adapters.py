"""LoRA adapters on a frozen model: attach, train, detach, save, and read as plain factors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from safetensors import safe_open
from torch import Tensor

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.options import LoraOptions

_PREFIX = "base_model.model."


def peft_name(name: str) -> str:
    """PEFT's name of an adapter during training: PEFT warns of names that occur in "lora_", such as "ra"."""
    return f"lethe_{name}"


@contextmanager
def with_adapters(model: Any, names: Sequence[str], targets: str, options: LoraOptions) -> Iterator[Any]:
    """The model with fresh float32 LoRA adapters; they are removed when the block ends."""
    config = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]  # PEFT divides by the rank; a float serves as well
        lora_dropout=options.dropout,
        target_modules=targets,
        bias="none",
    )
    torch.manual_seed(options.seed)
    wrapped = get_peft_model(model, config, adapter_name=peft_name(names[0]), autocast_adapter_dtype=True)
    try:
        for name in names[1:]:
            wrapped.add_adapter(peft_name(name), config)
        yield wrapped.eval()
    finally:
        wrapped.unload()
        # PEFT leaves this attribute on the model, and warns when the next job finds it.
        vars(model).pop("peft_config", None)
        model.requires_grad_(False)


def activate_adapter(wrapped: Any, name: str) -> list[torch.nn.Parameter]:
    """Make one adapter the active and only trainable one, with dropout on; gives its parameters."""
    wrapped.set_adapter(peft_name(name))
    for path, module in wrapped.named_modules():
        if path.endswith("lora_dropout"):
            module.train()
    parameters = []
    for path, parameter in wrapped.named_parameters():
        parameter.requires_grad_(f".{peft_name(name)}." in path and "lora_" in path)
        if parameter.requires_grad:
            parameters.append(parameter)
    return parameters


def save_adapter(wrapped: Any, name: str, folder: Path, base_model: str) -> None:
    """Save one adapter as an ordinary PEFT LoRA directory that names its base by `base_model`."""
    wrapped.save_pretrained(str(folder), selected_adapters=[peft_name(name)])
    inner = folder / peft_name(name)
    for file in inner.iterdir():
        file.rename(folder / file.name)
    inner.rmdir()
    (folder / "README.md").unlink(missing_ok=True)
    config = folder / "adapter_config.json"
    named = json.loads(config.read_text()) | {"base_model_name_or_path": base_model}
    config.write_text(json.dumps(named, indent=2, sort_keys=True) + "\n")


class LoraFactors:
    """A saved LoRA as factors, read one module at a time. `B @ A` is the delta, scaling folded into B."""

    def __init__(self, folder: Path) -> None:
        config = json.loads((folder / "adapter_config.json").read_text())
        self._scale = config["lora_alpha"] / config["r"]
        self._file = folder / "adapter_model.safetensors"
        with safe_open(self._file, framework="pt") as tensors:
            keys = [k for k in tensors.keys() if k.endswith(".lora_A.weight")]  # noqa: SIM118
        self.names = sorted(k.removeprefix(_PREFIX).removesuffix(".lora_A.weight") for k in keys)
        if not self.names:
            raise InvalidInputError("a recipe adapter holds no LoRA factors", code="invalid_recipe")

    def __getitem__(self, name: str) -> tuple[Tensor, Tensor]:
        """A [rank, in] and B [out, rank], float32."""
        with safe_open(self._file, framework="pt") as tensors:
            a = tensors.get_tensor(f"{_PREFIX}{name}.lora_A.weight").float()
            b = tensors.get_tensor(f"{_PREFIX}{name}.lora_B.weight").float()
        return a, b * self._scale
