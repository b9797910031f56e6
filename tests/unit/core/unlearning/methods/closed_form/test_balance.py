"""Several names at once weigh as much as their neighbours bear."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from core.unlearning.methods.closed_form.balance import largest_weights
from core.unlearning.methods.closed_form.pairs import States
from core.unlearning.methods.closed_form.solve import Weights, solve

WEIGHTS = Weights(erase=1.0, keep=3.0, ridge=1e-3)
GRAM = torch.eye(12, dtype=torch.float64)


def made(count: int, seed: int) -> Tensor:
    return torch.randn(count, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_neighbours_that_are_not_moved_bear_any_weight() -> None:
    states = States(made(4, 0), made(4, 1), made(20, 2))
    found = largest_weights(states, torch.zeros(3, 12, dtype=torch.float64), WEIGHTS, GRAM)
    assert found.erase > 14
    assert (found.keep, found.ridge) == (WEIGHTS.keep, WEIGHTS.ridge)


def test_neighbours_that_are_what_is_erased_bear_none() -> None:
    erased, anchors = made(4, 0), made(4, 1)
    assert largest_weights(States(erased, anchors, made(20, 2)), 5 * erased, WEIGHTS, GRAM) == WEIGHTS


def test_the_weight_is_the_last_that_moves_neighbours_little() -> None:
    states = States(made(4, 0), made(4, 1), made(20, 2))
    near = 0.6 * states.erased + 0.3 * made(4, 3)
    found = largest_weights(states, near, WEIGHTS, GRAM)
    assert 1 < found.erase < 14

    def part(erase: float) -> float:
        operator = solve(states.erased, states.anchors, states.kept, replace(WEIGHTS, erase=erase))
        moved, way = near @ operator.dense().T, states.anchors - states.erased
        return float(torch.linalg.vector_norm(moved) / torch.linalg.vector_norm(way))

    assert part(found.erase) <= 0.6 < part(1.25 * found.erase)
