"""Forget-Me-Not's loss: the probability that the concept's tokens are attended to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor


def attention_loss(layers: Sequence[Tensor], columns: Tensor, norm: Literal["layers", "joined"]) -> Tensor:
    """How much of all queries' attention the marked tokens have.

    Args:
        layers: Probabilities [rows, heads, queries, tokens] of each cross-attention.
        columns: Which tokens count in each row, [rows, tokens], True or False. Rows may have different numbers.
        norm: "joined" is the published sqrt(sum of all squares). "layers" is the mean of each layer's root mean square,
            so that a layer counts the same whatever its resolution.
    """
    marked = [probabilities * columns[:, None, None, :] for probabilities in layers]
    if norm == "joined":
        return torch.stack([m.square().sum() for m in marked]).sum().sqrt()
    counted = columns.sum().clamp_min(1)
    squares = [m.square().sum() / (counted * m.shape[1] * m.shape[2]) for m in marked]
    return torch.stack([square.clamp_min(torch.finfo(square.dtype).tiny).sqrt() for square in squares]).mean()
