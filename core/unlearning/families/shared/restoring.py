"""Trains some parameters of a model for a while, and leaves the model as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def restoring(model: nn.Module, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Inside, these parameters alone are open to training; outside, values and gradients are as they were before."""
    trained = [(p, p.requires_grad) for p in model.parameters() if p.is_floating_point()]
    before = [parameter.detach().clone() for parameter in parameters]
    try:
        for parameter, _ in trained:
            parameter.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        yield
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, before, strict=True):
                parameter.copy_(value)
                parameter.grad = None
        for parameter, flag in trained:
            parameter.requires_grad_(flag)
