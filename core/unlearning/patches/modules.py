"""What a sculpted patch does to one linear module."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.unlearning.errors import DivergedError


@dataclass(frozen=True)
class ModuleDelta:
    """`delta = lora_b @ lora_a + scatter(values at indices)`, to be added to the module's weight `[out, in]`.

    `name` is the module's path in the base model (`model.language_model.layers.0.mlp.down_proj`). `lora_a` is
    `[rank, in]`, `lora_b` `[out, rank]` with every scaling folded in; `indices` are flat row-major positions (int64),
    `values` their corrections; both `[nnz]`, in fp32 and on any device.
    """

    name: str
    lora_a: Tensor
    lora_b: Tensor
    indices: Tensor
    values: Tensor

    def __post_init__(self) -> None:
        if self.lora_a.ndim != 2 or self.lora_b.ndim != 2 or self.lora_a.shape[0] != self.lora_b.shape[1]:
            raise ValueError(f"{self.name}: the factors must be [rank, in] and [out, rank]")
        if self.indices.ndim != 1 or self.indices.shape != self.values.shape:
            raise ValueError(f"{self.name}: indices and values must be two vectors of one length")

    @property
    def shape(self) -> tuple[int, int]:
        """`(out, in)` of the weight."""
        return self.lora_b.shape[0], self.lora_a.shape[1]

    @property
    def rank(self) -> int:
        """Of the low-rank part."""
        return self.lora_a.shape[0]

    @property
    def nnz(self) -> int:
        """How many entries the sparse part corrects."""
        return self.indices.numel()

    def dense(self) -> Tensor:
        """The whole delta, `[out, in]`, fp32."""
        delta = self.lora_b.float() @ self.lora_a.float()
        delta.view(-1).scatter_add_(0, self.indices.long(), self.values.float())
        return delta

    def check(self) -> None:
        """Raise `DivergedError` for values that are not finite and `ValueError` for positions outside the weight."""
        if not all(bool(torch.isfinite(part).all()) for part in (self.lora_a, self.lora_b, self.values)):
            raise DivergedError("The patch would hold values that are not finite.")
        out_features, in_features = self.shape
        if self.nnz and not 0 <= int(self.indices.min()) <= int(self.indices.max()) < out_features * in_features:
            raise ValueError(f"{self.name}: a position lies outside the weight")
