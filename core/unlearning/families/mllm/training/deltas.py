"""Whole weight matrices that can be trained while the model's own stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from core.unlearning.patches.modules import ModuleDelta


@contextmanager
def with_deltas(model: nn.Module, names: Sequence[str]) -> Iterator[dict[str, nn.Parameter]]:
    """While open, every named linear also adds a float32 delta [out, in] of its own, zero at first."""
    deltas, handles = {}, []
    try:
        for name in names:
            module: Any = model.get_submodule(name)
            shape = (module.out_features, module.in_features)
            deltas[name] = nn.Parameter(torch.zeros(shape, device=next(module.parameters()).device))
            handles.append(module.register_forward_hook(_adder(deltas[name])))
        yield deltas
    finally:
        for handle in handles:
            handle.remove()


def _adder(delta: nn.Parameter) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    def add(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output + linear(inputs[0].to(torch.float32), delta).to(output.dtype)

    return add


def sparse(deltas: Mapping[str, Tensor]) -> Iterator[ModuleDelta]:
    """As a patch holds them: the entries that are not zero, and no factors."""
    for name, delta in deltas.items():
        flat = delta.detach().view(-1)
        indices = flat.nonzero().squeeze(1)
        out_features, in_features = delta.shape
        none = torch.zeros(0, in_features), torch.zeros(out_features, 0)
        yield ModuleDelta(name, *none, indices, flat[indices])
