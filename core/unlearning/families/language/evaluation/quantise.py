"""Weights rounded as for deployment, to see whether forgetting survives it (Zhang et al., 2024: 4 bits can undo it).

Round to nearest: weights become q * s with one scale s = max|w| / (2^(bits-1) - 1) per output channel and q rounded to
the nearest integer. NF4: the nearest of 16 quantiles of a normal distribution, scaled by blocks of 64 weights, as
bitsandbytes packs them (Dettmers et al., 2023). Only values are quantised; arithmetic stays in the model's precision.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from core.unlearning.families.language.model.target_modules import is_in_language_model, language_model_name

_ADAPTER = re.compile(r"\.(lora|supertuning)_")
_BLOCK = 64


def round_to_nearest(weight: Tensor, bits: int) -> Tensor:
    """`weight` [out, in] rounded to `bits` bits per output channel, in the same shape and dtype."""
    top = 2 ** (bits - 1) - 1
    exact = weight.detach().float()
    # Bounded after the division: workers flush subnormal numbers to zero, and 0 / 0 is not a number.
    scale = (exact.abs().amax(dim=1, keepdim=True) / top).clamp_min(torch.finfo(torch.float32).tiny)
    rounded: Tensor = (exact / scale).round() * scale
    return rounded.to(weight.dtype)


def round_to_nf4(weight: Tensor) -> Tensor:
    """`weight` [out, in] packed as NF4 and unpacked again. Raises `NotImplementedError`, with the reason, where
    bitsandbytes is not installed or does not work on the weight's device.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise NotImplementedError("the bitsandbytes package is not installed")
    try:
        # Imported here: it is not installed everywhere.
        from bitsandbytes import functional as packing

        pack: Any = packing.quantize_4bit
        unpack: Any = packing.dequantize_4bit
        # Flat: on a CPU, bitsandbytes 0.50 unpacks rows wrongly that are no whole number of blocks.
        packed, state = pack(weight.detach().float().flatten(), blocksize=_BLOCK, quant_type="nf4")
        unpacked: Tensor = unpack(packed, state)
    except (ImportError, RuntimeError, ValueError, AttributeError) as error:
        raise NotImplementedError(f"bitsandbytes cannot pack weights on {weight.device.type}") from error
    return unpacked.reshape(weight.shape).to(weight.dtype)


def quantised_linears(model: nn.Module, bits: int) -> AbstractContextManager[int]:
    """`rounded_linears` to nearest."""
    return rounded_linears(model, partial(round_to_nearest, bits=bits))


@contextmanager
def rounded_linears(model: nn.Module, rounded: Callable[[Tensor], Tensor]) -> Iterator[int]:
    """Rounds the linear layers of the language model in place; yields their number; restores them exactly.

    A PEFT adapter is merged first, as a deployment would. Layers that are not held in floating point are left alone.
    """
    prefix = language_model_name(model)
    layers = [m for name, m in model.named_modules() if _is_target(name, m, prefix)]
    before = [layer.weight.detach().to("cpu", copy=True) for layer in layers]
    merge, unmerge = getattr(model, "merge_adapter", None), getattr(model, "unmerge_adapter", None)
    try:
        if merge:
            merge()
        with torch.no_grad():
            for layer in layers:
                layer.weight.copy_(rounded(layer.weight))
        yield len(layers)
    finally:
        if unmerge:
            unmerge()
        with torch.no_grad():
            for layer, weight in zip(layers, before, strict=True):
                layer.weight.copy_(weight)


def _is_target(name: str, module: nn.Module, prefix: str) -> bool:
    if not isinstance(module, nn.Linear) or _ADAPTER.search(f".{name}"):
        return False
    return is_in_language_model(name, prefix) and module.weight.is_floating_point()
