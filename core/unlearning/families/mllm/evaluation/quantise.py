"""Round-to-nearest weight quantisation, to see whether forgetting survives it (Zhang et al., 2024: 4 bits can undo it).

Weights become q * s with one scale s = max|w| / (2^(bits-1) - 1) per output channel and q rounded to the nearest
integer. Values only are quantised; the arithmetic stays in the model's own precision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

LANGUAGE_MODEL = r"(^|\.)(language_model|text_model)\."
_ADAPTER = re.compile(r"\.(lora|supertuning)_")


def quantised(weight: Tensor, bits: int) -> Tensor:
    """`weight` [out, in] rounded to `bits` bits per output channel, in the same shape and dtype."""
    top = 2 ** (bits - 1) - 1
    exact = weight.detach().float()
    # Bounded after the division: workers flush subnormal numbers to zero, and 0 / 0 is not a number.
    scale = (exact.abs().amax(dim=1, keepdim=True) / top).clamp_min(torch.finfo(torch.float32).tiny)
    rounded: Tensor = (exact / scale).round() * scale
    return rounded.to(weight.dtype)


@contextmanager
def quantised_linears(model: nn.Module, bits: int, *, modules: str = LANGUAGE_MODEL) -> Iterator[int]:
    """Quantises the linear layers whose name matches `modules` in place; yields their number; restores them exactly.

    A PEFT adapter is merged first, as a deployment would. Layers that are not held in floating point are left alone.
    """
    layers = [m for name, m in model.named_modules() if _is_target(name, m, modules)]
    before = [layer.weight.detach().to("cpu", copy=True) for layer in layers]
    merge, unmerge = getattr(model, "merge_adapter", None), getattr(model, "unmerge_adapter", None)
    try:
        if merge:
            merge()
        with torch.no_grad():
            for layer in layers:
                layer.weight.copy_(quantised(layer.weight, bits))
        yield len(layers)
    finally:
        if unmerge:
            unmerge()
        with torch.no_grad():
            for layer, weight in zip(layers, before, strict=True):
                layer.weight.copy_(weight)


def _is_target(name: str, module: nn.Module, modules: str) -> bool:
    if not isinstance(module, nn.Linear) or _ADAPTER.search(f".{name}"):
        return False
    return re.search(modules, name) is not None and module.weight.is_floating_point()
