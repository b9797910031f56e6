"""The compatibility export: the nearest LoRA of a chosen rank, with the error it makes.

A sculpted delta is not low rank, so this is lossy, and says by how much (relative Frobenius error).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.unlearning.errors import UnlearningError
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.patches.supertuning import PREFIX, WEIGHTS

FIDELITY = "fidelity.json"
_EXACT_UP_TO = 1024
"""Smaller side of a weight up to which the full decomposition is affordable."""
_OVERSAMPLING = 16
_POWER_ITERATIONS = 4


@dataclass(frozen=True)
class LoraExport:
    """`error` is `|delta - export|_F / |delta|_F` over all modules together; `modules` the same of each."""

    rank: int
    error: float
    modules: dict[str, float]


def write(
    modules: Callable[[], Iterable[ModuleDelta]],
    out: Path,
    *,
    rank: int,
    base_model: str,
    target_modules: str,
    seed: int = 0,
) -> LoraExport:
    """Write an ordinary PEFT LoRA and `fidelity.json` into `out`. One dense delta is held at a time.

    Large weights are decomposed by randomised projection (Halko et al. 2011), seeded by `seed`; the error is measured
    on the factors that are written, whichever way they came about.
    """
    tensors: dict[str, Tensor] = {}
    squares: dict[str, tuple[float, float]] = {}
    for delta in modules():
        delta.check()
        dense = delta.dense().cpu()
        lora_a, lora_b = nearest_factors(dense, rank, seed)
        squares[delta.name] = _square(dense - lora_b @ lora_a), _square(dense)
        tensors[f"{PREFIX}{delta.name}.lora_A.weight"] = lora_a
        tensors[f"{PREFIX}{delta.name}.lora_B.weight"] = lora_b
    if not tensors:
        raise UnlearningError("The patch has no module: no part of the model matches the target modules.")
    export = _fidelity(rank, squares)
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / WEIGHTS, metadata={"format": "pt"})
    _write_config(out, base_model, target_modules, rank)
    (out / FIDELITY).write_text(json.dumps(asdict(export), indent=2, sort_keys=True) + "\n")
    return export


def nearest_factors(delta: Tensor, rank: int, seed: int) -> tuple[Tensor, Tensor]:
    """`(A [rank, in], B [out, rank])`, `B @ A` being nearest in Frobenius norm; zeros fill up too large a rank."""
    u, s, v = _decompose(delta, rank, seed)
    root = s[:rank].sqrt()
    lora_a = torch.zeros(rank, delta.shape[1])
    lora_b = torch.zeros(delta.shape[0], rank)
    lora_a[: len(root)] = root[:, None] * v[:, :rank].T
    lora_b[:, : len(root)] = u[:, :rank] * root
    return lora_a, lora_b


def _decompose(delta: Tensor, rank: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    width = min(delta.shape)
    if width <= _EXACT_UP_TO or rank + _OVERSAMPLING >= width:
        u, s, vh = torch.linalg.svd(delta, full_matrices=False)
        return u, s, vh.T
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        u, s, v = torch.svd_lowrank(delta, q=rank + _OVERSAMPLING, niter=_POWER_ITERATIONS)
    return u, s, v


def _square(matrix: Tensor) -> float:
    return float(matrix.double().square().sum())


def _fidelity(rank: int, squares: dict[str, tuple[float, float]]) -> LoraExport:
    def ratio(lost: float, whole: float) -> float:
        return (lost / whole) ** 0.5 if whole else 0.0

    total = ratio(sum(lost for lost, _ in squares.values()), sum(whole for _, whole in squares.values()))
    return LoraExport(rank, total, {name: ratio(*pair) for name, pair in squares.items()})


def _write_config(out: Path, base_model: str, target_modules: str, rank: int) -> None:
    from peft import LoraConfig

    LoraConfig(
        target_modules=target_modules,
        r=rank,
        lora_alpha=rank,
        inference_mode=True,
        base_model_name_or_path=base_model,
    ).save_pretrained(str(out))
