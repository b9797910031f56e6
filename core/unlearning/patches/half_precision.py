"""A patch in a pipeline of half precision, layer by layer.

Through the whole denoiser rounding may grow as large as the patch. Of one layer it is known: everything here is counted
in epsilons of the weights' precision, as parts of the largest values that take part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ROWS = 4


def is_half(unet: Any) -> bool:
    """Whether the denoiser's weights have 16 bits."""
    return int(unet.dtype.itemsize) == 2


def weight_error(
    weights: Mapping[str, Any], before: Mapping[str, Any], changes: Mapping[str, Any], *, with_changes: bool
) -> float:
    """Largest error of weights against `before`, with or without the changes, in epsilons of their own magnitude."""
    found = [0.0]
    for path, weight in weights.items():
        change = changes[path].to(weight.device)
        wanted = before[path].float() + change * with_changes
        found.append(_epsilons(weight, weight.detach().float() - wanted, wanted.abs() + change.abs().max()))
    return max(found)


def output_error(unet: Any, changes: Mapping[str, Any], name: str) -> float:
    """How far what adapter `name` adds to each layer's output is from what the file's factors add to it."""
    import torch

    generator, found = torch.Generator("cpu").manual_seed(0), [0.0]
    for path, change in changes.items():
        layer = unet.get_submodule(path)
        inputs = torch.randn(_ROWS, change.shape[1], generator=generator).to(layer.weight)
        with torch.no_grad():
            made = layer.lora_B[name](layer.lora_A[name](inputs)).float() * layer.scaling[name]
        wanted = inputs.float() @ change.T.to(inputs.device)
        found.append(_epsilons(layer.weight, made - wanted, wanted.abs().max()))
    return max(found)


def _epsilons(weight: Any, difference: Any, size: Any) -> float:
    import torch

    return float((difference.abs() / size).max()) / torch.finfo(weight.dtype).eps
