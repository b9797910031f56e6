"""Writes a sculpted delta as a PEFT SUPERTUNING adapter, exact to float rounding.

A sculpted delta is an exact LoRA minus a sparse mask, which is what SUPERTUNING's hybrid holds: `W + scatter(values) +
(alpha / r) B A` (PEFT 0.21, arXiv 2607.09287). Its two restrictions are met without loss:

- every module must hold `int(numel * (1 - sparsity))` sparse entries for one global sparsity, at least one: shorter
  supports are padded with position 0, value 0 (PEFT adds the values up, so duplicates are harmless); an empty mask
  (k = inf) is therefore an ordinary adapter whose few sparse values are all zero;
- every module has the same rank: smaller factors are padded with zero rows and columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from core.unlearning.errors import UnlearningError
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.patches.tensor_file import TensorWriter

__all__ = ["PREFIX", "WEIGHTS", "ModuleDelta", "Supertuning", "global_sparsity", "support_size", "write"]

PREFIX = "base_model.model."
WEIGHTS = "adapter_model.safetensors"
_INT32_LIMIT = 2**31


@dataclass(frozen=True)
class Supertuning:
    """What was written. `support` counts stored sparse entries, of which `nnz` are real and the rest padding."""

    modules: int
    rank: int
    sparsity: float
    nnz: int
    support: int


@dataclass(frozen=True)
class _Module:
    name: str
    shape: tuple[int, int]
    rank: int
    nnz: int

    @property
    def numel(self) -> int:
        return self.shape[0] * self.shape[1]


def write(
    modules: Callable[[], Iterable[ModuleDelta]], out: Path, *, base_model: str, target_modules: str
) -> Supertuning:
    """Write `adapter_config.json` and `adapter_model.safetensors` into `out`.

    `modules` is called twice (first for the shapes, then for the values) and must yield the same both times; one
    module is held at a time. `target_modules` is the regex that PEFT matches against whole module paths; `base_model`
    goes into the config as the base's name. Raises `UnlearningError` where the format cannot hold the delta.
    """
    plan = [_measure(delta, target_modules) for delta in modules()]
    if not plan:
        raise UnlearningError("The patch has no module: no part of the model matches the target modules.")
    rank = max(1, *(module.rank for module in plan))
    sparsity = global_sparsity([(module.numel, module.nnz) for module in plan])
    out.mkdir(parents=True, exist_ok=True)
    with TensorWriter(out / WEIGHTS, _declare(plan, rank, sparsity)) as writer:
        for module, delta in zip(plan, modules(), strict=True):
            _write_module(writer, module, delta, rank, support_size(module.numel, sparsity))
    _write_config(out, base_model, target_modules, rank, sparsity)
    support = sum(support_size(module.numel, sparsity) for module in plan)
    return Supertuning(len(plan), rank, sparsity, sum(module.nnz for module in plan), support)


def support_size(numel: int, sparsity: float) -> int:
    """How many sparse entries PEFT allocates for `numel` weights: its own expression, float rounding included."""
    return int(numel * (1 - sparsity))


def global_sparsity(needs: Sequence[tuple[int, int]]) -> float:
    """The largest sparsity, to float rounding, that leaves each `(numel, nnz)` its entries and one at least."""
    needed = [(numel, max(1, nnz)) for numel, nnz in needs]
    sparsity = 1.0 - max(nnz / numel for numel, nnz in needed)
    step = 2.0**-53
    while any(support_size(numel, sparsity) < nnz for numel, nnz in needed):
        sparsity = max(0.0, sparsity - step)
        step *= 2
    return sparsity


def _measure(delta: ModuleDelta, target_modules: str) -> _Module:
    delta.check()
    if re.fullmatch(target_modules, delta.name) is None:
        raise UnlearningError(f"The module {delta.name} is not among the target modules of the patch.")
    module = _Module(delta.name, delta.shape, delta.rank, delta.nnz)
    if module.numel >= _INT32_LIMIT:
        raise UnlearningError(f"The module {delta.name} is too large for this adapter format (2^31 entries).")
    return module


def _declare(plan: Sequence[_Module], rank: int, sparsity: float) -> list[tuple[str, str, tuple[int, ...]]]:
    tensors: list[tuple[str, str, tuple[int, ...]]] = []
    for module in plan:
        support = support_size(module.numel, sparsity)
        out_features, in_features = module.shape
        tensors += [
            (f"{PREFIX}{module.name}.supertuning_indices", "I32", (support,)),
            (f"{PREFIX}{module.name}.supertuning_values", "F32", (support,)),
            (f"{PREFIX}{module.name}.supertuning_lora_A.weight", "F32", (rank, in_features)),
            (f"{PREFIX}{module.name}.supertuning_lora_B.weight", "F32", (out_features, rank)),
        ]
    return tensors


def _write_module(writer: TensorWriter, module: _Module, delta: ModuleDelta, rank: int, support: int) -> None:
    if (delta.name, delta.shape, delta.rank, delta.nnz) != (module.name, module.shape, module.rank, module.nnz):
        raise RuntimeError(f"{delta.name} differs between the two passes over the modules")
    indices = torch.zeros(support, dtype=torch.int32)
    values = torch.zeros(support)
    indices[: delta.nnz], values[: delta.nnz] = delta.indices.to("cpu", torch.int32), delta.values.float().cpu()
    lora_a = torch.zeros(rank, module.shape[1])
    lora_b = torch.zeros(module.shape[0], rank)
    lora_a[: delta.rank], lora_b[:, : delta.rank] = delta.lora_a.float().cpu(), delta.lora_b.float().cpu()
    parts = {"indices": indices, "values": values, "lora_A.weight": lora_a, "lora_B.weight": lora_b}
    for part, tensor in parts.items():
        writer.write(f"{PREFIX}{module.name}.supertuning_{part}", _raw(tensor))


def _raw(tensor: Tensor) -> bytes:
    data: bytes = tensor.detach().numpy().tobytes()
    return data


def _write_config(out: Path, base_model: str, target_modules: str, rank: int, sparsity: float) -> None:
    from peft import SupertuningConfig

    SupertuningConfig(
        target_modules=target_modules,
        sparsity=sparsity,
        r=rank,
        # alpha / r = 1: the scaling is folded into B.
        lora_alpha=float(rank),
        inference_mode=True,
        base_model_name_or_path=base_model,
    ).save_pretrained(str(out))
