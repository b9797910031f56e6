"""Forget-Me-Not's attention loss: the attention probability of the concept's tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d


def attention_loss(
    layers: Sequence[Tensor], columns: Tensor, norm: Literal["layers", "joined"], masks: Tensor | None = None
) -> Tensor:
    """A norm of the attention probabilities of the marked tokens, over all queries.

    Args:
        layers: Probabilities [rows, heads, queries, tokens] of each cross-attention.
        columns: Which tokens count in each row, [rows, tokens], True or False. Rows may have different numbers.
        norm: "joined" is the published sqrt(sum of all squares). "layers" is the mean of each layer's root mean square,
            so that a layer counts the same whatever its resolution.
        masks: How much each place of the picture counts, [rows, 1, height, width]; all of it by default.
    """
    squares, sizes = [], []
    for probabilities in layers:
        weights = columns[:, None, None, :] * _queries(masks, probabilities)
        squares.append((probabilities.square() * weights).sum())
        sizes.append(weights.sum().clamp_min(1) * probabilities.shape[1])
    if norm == "joined":
        return torch.stack(squares).sum().sqrt()
    means = [square / size for square, size in zip(squares, sizes, strict=True)]
    return torch.stack([mean.clamp_min(torch.finfo(mean.dtype).tiny).sqrt() for mean in means]).mean()


def _queries(masks: Tensor | None, probabilities: Tensor) -> Tensor:
    """The mask at each query, [rows, 1, queries, 1]: pooled to the layer's own square resolution."""
    rows, _, queries, _ = probabilities.shape
    if masks is None:
        return probabilities.new_ones(rows, 1, queries, 1)
    side = math.isqrt(queries)
    return adaptive_avg_pool2d(masks, side).flatten(1)[:, None, :, None].to(probabilities)
