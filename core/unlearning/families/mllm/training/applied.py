"""Try a sculpted delta on the loaded model, in any precision, without touching its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from core.unlearning.patches.modules import ModuleDelta


@contextmanager
def applied(model: nn.Module, deltas: Iterable[ModuleDelta]) -> Iterator[None]:
    """While open, every named linear also adds its delta. Only factors and sparse corrections are held."""
    modules = dict(model.named_modules())
    handles = []
    try:
        for delta in deltas:
            handles.append(modules[delta.name].register_forward_hook(_adder(delta, model)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _adder(delta: ModuleDelta, model: Any) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    a, b = delta.lora_a.to(model.device), delta.lora_b.to(model.device)
    indices, values = delta.indices.to(model.device), delta.values.to(model.device)

    def add(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        weight = (b @ a).view(-1).index_add(0, indices, values).view(b.shape[0], a.shape[1])
        return output + linear(inputs[0].to(torch.float32), weight).to(output.dtype)

    return add
