"""What a long job saves so that another process can resume it: named blobs, and tensors packed with JSON into one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor


class Checkpoints(Protocol):
    """Named pieces of one job. Losing one costs time and nothing else, so neither call raises for a store's sake."""

    def load(self, name: str) -> bytes | None:
        """The piece as it was last kept, by whichever attempt; None where there is none."""

    def save(self, name: str, data: bytes) -> None:
        """Keep a piece in place of an older one of that name."""

    def due(self) -> bool:
        """Whether it is time to keep something between two phases' ends.

        While the job is being stopped: whether somebody is going to go on with it.
        """


class NoCheckpoints:
    """Nothing is put aside."""

    def load(self, name: str) -> bytes | None:  # noqa: ARG002 (as in `Checkpoints`)
        """Nothing."""
        return None

    def save(self, name: str, data: bytes) -> None:
        """Ignored."""

    def due(self) -> bool:
        """Never."""
        return False


NO_CHECKPOINTS = NoCheckpoints()


_LENGTH = 8
"""Bytes at the beginning of a safetensors file that say how long its header is."""


@dataclass(frozen=True)
class Snapshot:
    """`meta` holds JSON values."""

    meta: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    def pack(self) -> bytes:
        """As bytes."""
        whole = {name: tensor.detach().contiguous() for name, tensor in self.tensors.items()}
        packed: bytes = save(whole, {"meta": json.dumps(self.meta)})
        return packed

    @classmethod
    def unpack(cls, data: bytes | None) -> Snapshot | None:
        """The inverse of `pack`; None for anything else, such as what another version has kept."""
        if data is None:
            return None
        try:
            end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
            meta = json.loads(json.loads(data[_LENGTH:end])["__metadata__"]["meta"])
            return cls(meta, load(data))
        except (SafetensorError, ValueError, KeyError, TypeError):
            return None
