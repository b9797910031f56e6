"""JSON values and tensors packed into one blob, for a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

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
