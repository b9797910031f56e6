"""One step of training, for every method that trains."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.unlearning.errors import DivergedError

_CLIP = 1.0


def descend(loss: Tensor, optimizer: torch.optim.Optimizer, parameters: Sequence[torch.nn.Parameter]) -> float:
    """Step down the gradient, clipped to norm 1, and give the loss. Raises `DivergedError` where that is not finite."""
    if not bool(torch.isfinite(loss)):
        raise DivergedError("the training loss is not finite")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(parameters, _CLIP)
    optimizer.step()
    return float(loss.detach())
