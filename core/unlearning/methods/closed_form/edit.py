"""Solve the edit, erase the embedding that restores the concept (RECE), repeat; then factors for each layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from core.unlearning.errors import DivergedError
from core.unlearning.methods.closed_form.balance import largest_weights
from core.unlearning.methods.closed_form.config import Options
from core.unlearning.methods.closed_form.pairs import States
from core.unlearning.methods.closed_form.rece import revive
from core.unlearning.methods.closed_form.solve import Operator, Weights, balance, normal, solve, truncate


@dataclass(frozen=True)
class Edit:
    """The operator; `restored`: after each round, the share of the concept that the best embedding restores."""

    operator: Operator
    restored: tuple[float, ...]


def edit(
    states: States,
    gram: Tensor,
    options: Options,
    rank: int | None,
    step: Callable[[], None],
    near: Tensor | None = None,
) -> Edit:
    """Solve for all names of a request jointly. `gram`: K [dim, dim], float64.

    `near`: states that bound the erase weight of several names, see `balance`. Calls `step` after every round. Raises
    `DivergedError`.
    """
    weights = Weights(options.erase_weight, options.keep_weight, options.ridge)
    if near is not None:
        weights = largest_weights(states, near, weights, gram)
    erased, anchors = states.erased, states.anchors
    restored: list[float] = []
    while True:
        operator = _solve(erased, anchors, states.kept, weights, gram, rank)
        revival = revive(operator, gram, states.erased, states.anchors)
        restored.append(revival.restored)
        step()
        if revival.restored < options.stop_below or len(restored) > options.rounds:
            return Edit(operator, tuple(restored))
        erased = torch.cat([erased, revival.states])
        anchors = torch.cat([anchors, states.anchors])


def _solve(erased: Tensor, anchors: Tensor, kept: Tensor, weights: Weights, gram: Tensor, rank: int | None) -> Operator:
    operator = solve(erased, anchors, kept, weights)
    if not bool(torch.isfinite(operator.right).all()):
        raise DivergedError("the edit has no finite solution")
    lowest = min(operator.right.shape)
    if rank is None and lowest == len(operator.right):
        return balance(operator)
    return truncate(operator, normal(erased, kept, weights), gram, min(rank or lowest, lowest))


def gram_of(layers: Mapping[str, Tensor]) -> Tensor:
    """K = sum WᵀW over the weights [out, dim], float64."""
    return torch.stack([weight.double().T @ weight.double() for weight in layers.values()]).sum(0)


def factors(operator: Operator, layers: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """A [rank, dim], the same for all, and B [out, rank] for each weight [out, dim]."""
    shared = operator.right.float()
    return {path: (shared, (weight.double() @ operator.left).float()) for path, weight in layers.items()}
