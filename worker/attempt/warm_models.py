"""Keeps the weights of one model in memory between jobs, as long as they are those of its files.

Each job gets a copy of the object around the weights, so that nothing that one job caches there reaches the next.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from core.unlearning.jobs.work import load_model
from core.unlearning.types import ModelSpec

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _LoadedModel:
    key: tuple[object, ...]
    fingerprint: tuple[tuple[str, int], ...]
    model: Any


class WarmModels:
    """At most one model. After a job that failed or was stopped, call `clear`: its weights may be changed."""

    def __init__(self) -> None:
        self._warm: _LoadedModel | None = None

    def load(self, spec: ModelSpec, precision: str) -> Any:
        """The model of `spec`; loaded anew unless the kept one has the same files and unchanged weights."""
        key = (spec.family, spec.source, spec.revision, precision, repr(spec.defaults), *_files(spec.source))
        if self._warm and self._warm.key == key and self._warm.fingerprint == fingerprint(self._warm.model):
            log.info("model_warm", model=spec.id)
            return copy(self._warm.model)
        self.clear()
        model = load_model(spec, precision)
        self._warm = _LoadedModel(key, fingerprint(model), model)
        return copy(model)

    @property
    def host_bytes(self) -> int:
        """Bytes of the machine's memory that the kept model takes."""
        tensors = self._warm.model.model.state_dict().values() if self._warm else ()
        return sum(tensor.nbytes for tensor in tensors if tensor.device.type == "cpu")

    def clear(self) -> None:
        """Drop the model."""
        self._warm = None


def fingerprint(model: Any) -> tuple[tuple[str, int], ...]:
    """Name and sum (modulo 2^64) of the raw integers of every tensor: cheap, and any changed weight shows."""
    return tuple((name, _sum(tensor)) for name, tensor in model.model.state_dict().items())


def _sum(tensor: Any) -> int:
    import torch

    words = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
    return int(tensor.detach().contiguous().view(words).sum(dtype=torch.int64))


def _files(source: str) -> tuple[tuple[str, int, int], ...]:
    folder = Path(source)
    if not folder.is_dir():
        return ()
    stats = ((str(path.relative_to(folder)), path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
