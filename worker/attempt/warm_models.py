"""Keeps one loaded model between jobs, as long as it is still what its files hold.

The weights, that is: each job has an object of its own around them, with which everything goes that it has seen.
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
class _Warm:
    key: tuple[object, ...]
    fingerprint: tuple[tuple[str, int], ...]
    model: Any


class WarmModels:
    """At most one model. A job that ended in an error should `clear` it: nobody knows how it was left."""

    def __init__(self) -> None:
        self._warm: _Warm | None = None

    def load(self, spec: ModelSpec, precision: str) -> Any:
        """The model of `spec`, loaded again unless the one at hand has the same files and untouched weights."""
        key = (spec.family, spec.source, spec.revision, precision, repr(spec.defaults), *_files(spec.source))
        if self._warm and self._warm.key == key and self._warm.fingerprint == fingerprint(self._warm.model):
            log.info("model_warm", model=spec.id)
            return copy(self._warm.model)
        self.clear()
        model = load_model(spec, precision)
        self._warm = _Warm(key, fingerprint(model), model)
        return copy(model)

    @property
    def host_bytes(self) -> int:
        """What the model at hand takes of the machine's memory."""
        tensors = self._warm.model.model.state_dict().values() if self._warm else ()
        return sum(tensor.nbytes for tensor in tensors if tensor.device.type == "cpu")

    def clear(self) -> None:
        """Let go of the model."""
        self._warm = None


def fingerprint(model: Any) -> tuple[tuple[str, int], ...]:
    """Name and wrapped sum of the raw words of every tensor: cheap, and any layer or weight that was changed shows."""
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
