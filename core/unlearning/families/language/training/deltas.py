"""Whole weight matrices to train, and sculpted deltas to try, beside a model whose own weights stay unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


def sparse_deltas(deltas: Mapping[str, Tensor]) -> Iterator[ModuleDelta]:
    """The deltas in a patch's form: their non-zero entries, no factors."""
    for name, delta in deltas.items():
        flat = delta.detach().view(-1)
        indices = flat.nonzero().squeeze(1)
        out_features, in_features = delta.shape
        none = torch.zeros(0, in_features), torch.zeros(out_features, 0)
        yield ModuleDelta(name, *none, indices, flat[indices])


@contextmanager
def applying_deltas(model: nn.Module, deltas: Iterable[ModuleDelta]) -> Iterator[None]:
    """While open, every named linear also adds its delta. Only factors and sparse corrections are held."""
    modules = dict(model.named_modules())
    handles = []
    try:
        for delta in deltas:
            handles.append(modules[delta.name].register_forward_hook(_patch_adder(delta, model)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _patch_adder(delta: ModuleDelta, model: Any) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    a, b = delta.lora_a.to(model.device), delta.lora_b.to(model.device)
    indices, values = delta.indices.to(model.device), delta.values.to(model.device)

    def add(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        weight = (b @ a).view(-1).index_add(0, indices, values).view(b.shape[0], a.shape[1])
        return output + linear(inputs[0].to(torch.float32), weight).to(output.dtype)

    return add
