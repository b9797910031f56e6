"""The closed form against calculations that know nothing of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.unlearning.methods.closed_form.edit import gram_of
from core.unlearning.methods.closed_form.rece import revive
from core.unlearning.methods.closed_form.solve import Operator, Weights, balance, normal, solve, truncate

WEIGHTS = Weights(erase=1.0, keep=0.5, ridge=1e-3)


@pytest.fixture
def states() -> tuple[Tensor, Tensor, Tensor]:
    made = torch.Generator().manual_seed(0)
    erased, anchors, kept = (torch.randn(n, 12, generator=made, dtype=torch.float64) for n in (3, 3, 20))
    return erased, anchors, kept


def objective(edited: Tensor, weight: Tensor, states: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Written out term by term, as the paper has it."""
    erased, anchors, kept = states
    moments = WEIGHTS.erase * erased.T @ erased / len(erased) + WEIGHTS.keep * kept.T @ kept / len(kept)
    ridge = WEIGHTS.ridge * moments.diagonal().mean()
    errors = sum((edited @ c - weight @ g).square().sum() for c, g in zip(erased, anchors, strict=True))
    held = sum((edited @ p - weight @ p).square().sum() for p in kept)
    return (
        WEIGHTS.erase * errors / len(erased)
        + WEIGHTS.keep * held / len(kept)
        + ridge * (edited - weight).square().sum()
    )


def test_the_solution_is_where_the_objective_is_flat(states: tuple[Tensor, Tensor, Tensor]) -> None:
    weight = torch.randn(5, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    operator = solve(*states, WEIGHTS)
    edited = (weight + weight @ operator.dense()).requires_grad_()
    (gradient,) = torch.autograd.grad(objective(edited, weight, states), edited)
    assert float(gradient.abs().max()) < 1e-10


def test_the_rank_is_the_number_of_erased_states(states: tuple[Tensor, Tensor, Tensor]) -> None:
    operator = solve(*states, WEIGHTS)
    assert operator.right.shape == (3, 12)
    assert int(torch.linalg.matrix_rank(operator.dense())) == 3


def test_truncating_to_the_full_rank_changes_nothing(states: tuple[Tensor, Tensor, Tensor]) -> None:
    operator, matrix = solve(*states, WEIGHTS), normal(states[0], states[2], WEIGHTS)
    whole = truncate(operator, matrix, torch.eye(12, dtype=torch.float64), 3)
    assert torch.allclose(whole.dense(), operator.dense(), atol=1e-9)


def test_the_truncated_solution_is_better_than_plain_svd(states: tuple[Tensor, Tensor, Tensor]) -> None:
    weight = torch.randn(5, 12, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    operator, matrix = solve(*states, WEIGHTS), normal(states[0], states[2], WEIGHTS)
    reduced = truncate(operator, matrix, weight.T @ weight, 1).dense()
    u, s, vh = torch.linalg.svd(operator.dense())
    plain = s[0] * u[:, :1] @ vh[:1]
    assert objective(weight + weight @ reduced, weight, states) < objective(weight + weight @ plain, weight, states)


def test_balancing_keeps_the_operator(states: tuple[Tensor, Tensor, Tensor]) -> None:
    operator = solve(*states, WEIGHTS)
    even = balance(operator)
    assert torch.allclose(even.dense(), operator.dense(), atol=1e-12)
    assert torch.allclose(even.right.norm(dim=1), torch.ones(3, dtype=torch.float64))


def test_an_unedited_model_is_restored_at_once(states: tuple[Tensor, Tensor, Tensor]) -> None:
    gram = gram_of({"a": torch.randn(20, 12, generator=torch.Generator().manual_seed(3))})
    nothing = Operator(torch.zeros(12, 1, dtype=torch.float64), torch.zeros(1, 12, dtype=torch.float64))
    assert revive(nothing, gram, states[0], states[1]).restored > 0.99


def test_what_a_projection_removes_cannot_be_restored() -> None:
    gram = torch.eye(4, dtype=torch.float64)
    concept, anchor = torch.eye(4, dtype=torch.float64)[:1], torch.zeros(1, 4, dtype=torch.float64)
    operator = Operator(-concept.T.clone(), concept.clone())
    assert revive(operator, gram, concept, anchor).restored == pytest.approx(0.0)
