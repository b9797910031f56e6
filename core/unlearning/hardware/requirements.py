"""How much memory a job will need at least, from a checkpoint's headers alone. Free of torch: plans are made with it.

An estimate of the least: training one row at a time, since larger micro-batches are halved when memory runs out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

Activations = Callable[[Mapping[str, Any], Mapping[str, Any]], float]
"""From a model's configuration and a job's options: bytes that the smallest step of training keeps beside weights."""
GB = 10**9
MEMORY_GB = "memory_gb"
"""A model's default that belongs to no method: what a job on a GPU needs, as whoever registered the model knows it."""
Tokens = Callable[[Mapping[str, Any]], float]
"""From a model's configuration: how long a row of training is on average."""
_PER_WEIGHT = 4
"""Floating-point operations for each weight and token where the weights themselves are not trained: two for the forward
pass and two for the gradients of its activations."""
_OVERHEAD = {"gpu": 1.0 * GB, "cpu": 0.5 * GB}
"""The libraries themselves, their workspaces, and an evaluating process."""
_BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "4bit": 0.7}
_TRAINED = 16
"""Bytes for each trained weight: itself, its gradient and Adam's two moments, in float32."""
_SALIENCY = "fisher_rows"
"""An option that only methods have which train whole matrices."""
_KEPT_OF_TOKEN = 34
"""Bytes that a half-precision layer keeps of each token and unit of width (Korthikanti et al., 2022), with no attention
matrices kept."""
_PIPELINE, _DENOISER = "model_index.json", "unet/config.json"
_LARGEST_HEADER = 100 * 2**20


@dataclass(frozen=True)
class Requirements:
    """Bytes. `gpu` of an accelerator with `host` beside it, or `cpu` where there is none."""

    gpu: int
    host: int
    cpu: int

    def to_plan(self) -> dict[str, int]:
        """For a job's plan."""
        return {f"{where}_bytes": need for where, need in asdict(self).items()}


def is_size(value: object) -> bool:
    """Whether it can stand for `MEMORY_GB`."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def estimate(
    source: str, options: Mapping[str, Any], defaults: Mapping[str, Any], activations: Activations
) -> Requirements | None:
    """The need of a job on a registered model; None where nothing is known of a model that is not a local folder.

    `activations`: those of the model's family.
    """
    if is_size(known := defaults.get(MEMORY_GB)):
        gpu = int(known * GB)  # type: ignore[operator]
        return Requirements(gpu, 2 * gpu, 2 * gpu)
    precision = str(options.get("precision", "auto"))
    try:
        tensors, config = _read(source, _config(Path(source)).stat().st_mtime_ns)
        return _estimate(tensors, options, precision, activations(config, options)) if tensors else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def operations_of_row(source: str, tokens: Tokens) -> float | None:
    """Floating-point operations that a row takes once through training, roughly; None where nothing is known."""
    try:
        tensors, config = _read(source, _config(Path(source)).stat().st_mtime_ns)
        return _PER_WEIGHT * sum(math.prod(shape) for shape, _ in tensors) * tokens(config)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@lru_cache(maxsize=64)
def _read(source: str, _changed_at: int) -> tuple[list[tuple[list[int], int]], dict[str, Any]]:
    """Tensors and configuration, until the latter changes."""
    folder = Path(source)
    return list(_tensors(folder)), json.loads(_config(folder).read_text())


def _config(folder: Path) -> Path:
    """The model's, or of a pipeline its denoiser's."""
    return folder / (_DENOISER if (folder / _PIPELINE).is_file() else "config.json")


def _estimate(
    tensors: list[tuple[list[int], int]], options: Mapping[str, Any], precision: str, activations: float
) -> Requirements:
    count, saved = sum(math.prod(shape) for shape, _ in tensors), sum(size for _, size in tensors)
    weights = count * _BYTES[precision] if precision in _BYTES else float(saved)
    on_cpu = count * _BYTES.get(precision, 4.0)
    adapters = _adapters(tensors, options)
    # The patch is measured on a second copy, for which a quantised model does not make room: it cannot be moved. That
    # copy is as large as what was saved, because adapters of this kind do not go onto quantised weights.
    quantised = precision == "4bit"
    gpu = weights + (max(adapters, saved) if quantised else adapters) + activations + _OVERHEAD["gpu"]
    cpu = on_cpu + (saved if quantised else on_cpu) + adapters + 2 * activations + _OVERHEAD["cpu"]
    return Requirements(int(gpu), saved if quantised else 2 * saved, int(cpu))


def _adapters(tensors: list[tuple[list[int], int]], options: Mapping[str, Any]) -> float:
    """One that is trained and one that is not, on every matrix: an upper bound.

    Where whole matrices are trained, the matrices and a map of each.
    """
    matrices = [shape for shape, _ in tensors if len(shape) == 2]
    rank = int(options.get("rank") or 0)
    weights = sum(rank * sum(shape) for shape in matrices if min(shape) >= rank)
    if _SALIENCY in options:
        weights = sum(map(math.prod, matrices))
    return weights * (_TRAINED + 4.0)


def layer_activations(tokens: int, width: int, layers: int) -> float:
    """Bytes that the layers of a transformer keep for a row of so many tokens while it trains."""
    return float(_KEPT_OF_TOKEN * tokens * width * layers)


def _tensors(folder: Path) -> Iterator[tuple[list[int], int]]:
    """Shape and bytes of every tensor of a checkpoint folder, or of a pipeline's parts without its safety checker."""
    parts = [part for part in folder.glob("*/*.safetensors") if part.parent.name != "safety_checker"]
    for path in sorted(parts if (folder / _PIPELINE).is_file() else folder.glob("*.safetensors")):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _LARGEST_HEADER:
                raise ValueError("not a safetensors file")
            header = json.loads(file.read(length))
        for name, entry in header.items():
            if name != "__metadata__":
                start, end = entry["data_offsets"]
                yield list(entry["shape"]), end - start
