"""The losses of CCU against their formulas written out in float64, sample by sample."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.unlearning.methods.ccu.losses import consistency, hardness, inverse_contrastive, separation, task

Array = NDArray[np.float64]
T = 0.5


def _unit(rng: np.random.Generator, n: int, d: int = 5) -> Array:
    rows = rng.normal(0, 1, (n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _tensors(*arrays: Array, grad: bool = False) -> list[Tensor]:
    return [torch.tensor(a, requires_grad=grad and a.dtype == np.float64) for a in arrays]


def _svu(z_u: Array, y_u: Array, z_r: Array, y_r: Array) -> float:
    total = 0.0
    for u in range(len(z_u)):
        away = [r for r in range(len(z_r)) if y_r[r] == y_u[u]]
        to = [r for r in range(len(z_r)) if y_r[r] != y_u[u]]
        denominator = sum(math.exp(z_u[u] @ z_r[n] / T) for n in away) if away else 1.0
        if to:
            total -= sum(math.log(math.exp(z_u[u] @ z_r[p] / T) / denominator) for p in to) / len(to)
        else:
            total += math.log(denominator)
    return total / len(z_u)


def _dcs(z_r: Array, y_r: Array, z_u: Array) -> float:
    total, counted = 0.0, 0
    for r in range(len(z_r)):
        alike = [p for p in range(len(z_r)) if p != r and y_r[p] == y_r[r]]
        denominator = sum(math.exp(z_r[r] @ z_r[j] / T) for j in range(len(z_r)) if j != r)
        denominator += sum(math.exp(z_r[r] @ u / T) for u in z_u)
        if alike:
            counted += 1
            total -= sum(math.log(math.exp(z_r[r] @ z_r[p] / T) / denominator) for p in alike) / len(alike)
    return total / counted if counted else 0.0


@pytest.mark.parametrize(
    ("y_u", "y_r"),
    [
        ([0, 1, 2, 1], [0, 1, 2, 0, 1, 2, 2]),
        ([3, 1, 3], [0, 1, 2, 0, 1, 2]),
        ([3, 3], [0, 1, 2]),
        ([0, 0], [0, 0, 0]),
    ],
    ids=["all there", "one class is not kept", "none of the classes is kept", "one class alone"],
)
def test_inverse_contrastive(y_u: list[int], y_r: list[int]) -> None:
    rng = np.random.default_rng(0)
    given = _unit(rng, len(y_u)), np.array(y_u), _unit(rng, len(y_r)), np.array(y_r)
    assert float(inverse_contrastive(*_tensors(*given), T)) == pytest.approx(_svu(*given))


@pytest.mark.parametrize("y_r", [[0, 1, 0, 1, 2], [0, 0, 0], [0, 1, 2]], ids=["mixed", "one label", "no pair"])
def test_separation(y_r: list[int]) -> None:
    rng = np.random.default_rng(1)
    given = _unit(rng, len(y_r)), np.array(y_r), _unit(rng, 4)
    assert float(separation(*_tensors(*given), T)) == pytest.approx(_dcs(*given))


def test_consistency() -> None:
    rng = np.random.default_rng(2)
    h, h0, logits, logits0 = (rng.normal(0, 2, (6, 4)) for _ in range(4))
    expected = 0.0
    for n in range(6):
        p0, p = (np.exp(x[n]) / np.exp(x[n]).sum() for x in (logits0, logits))
        cosine = h[n] @ h0[n] / (np.linalg.norm(h[n]) * np.linalg.norm(h0[n]))
        expected += (1 - cosine + sum(p0 * np.log(p0 / p))) / 6
    assert float(consistency(*_tensors(h, h0, logits, logits0))) == pytest.approx(expected)
    assert float(consistency(*_tensors(h, h, logits, logits))) == pytest.approx(0, abs=1e-12)


def test_task() -> None:
    rng = np.random.default_rng(3)
    both, visual, labels = rng.normal(0, 2, (5, 3)), rng.normal(0, 2, (5, 3)), np.array([0, 2, 1, 1, 0])
    expected = 0.0
    for n, label in enumerate(labels):
        expected -= (both[n, label] - math.log(np.exp(both[n]).sum())) / 5
        expected -= 0.5 * (visual[n, label] - math.log(np.exp(visual[n]).sum())) / 5
    assert float(task(*_tensors(both, visual, labels))) == pytest.approx(expected)


def test_what_is_only_compared_with_gets_no_gradient() -> None:
    rng = np.random.default_rng(4)
    z_u, z_r, h, h0, logits, logits0 = _tensors(*(_unit(rng, 4) for _ in range(6)), grad=True)
    y_u, y_r = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 1, 1, 0])
    for loss, reached, spared in (
        (inverse_contrastive(z_u, y_u, z_r, y_r, T), [z_u], [z_r]),
        (separation(z_r, y_r, z_u, T), [z_r], [z_u]),
        (consistency(h, h0, logits, logits0), [h, logits], [h0, logits0]),
    ):
        found = torch.autograd.grad(loss, [*reached, *spared], allow_unused=True)
        assert all(g is not None and bool(g.abs().max() > 1e-3) for g in found[: len(reached)])
        assert all(g is None for g in found[len(reached) :])


@pytest.mark.parametrize("y_r", [[0, 0, 0], [1, 2, 3]])
def test_gradients_stay_finite_at_the_edges(y_r: list[int]) -> None:
    rng = np.random.default_rng(5)
    z_u, z_r = _tensors(_unit(rng, 2), _unit(rng, 3), grad=True)
    y = torch.tensor(y_r)
    loss = inverse_contrastive(z_u, torch.tensor([0, 0]), z_r, y, T) + separation(z_r, y, z_u, T)
    assert all(bool(torch.isfinite(g).all()) for g in torch.autograd.grad(loss, [z_u, z_r]))


def test_a_step_of_unlearning_leaves_the_own_class() -> None:
    rng = np.random.default_rng(6)
    z_u, z_r = _tensors(_unit(rng, 1), _unit(rng, 8), grad=True)
    y_u, y_r = torch.tensor([0]), torch.tensor([0] * 4 + [1] * 4)
    (gradient,) = torch.autograd.grad(inverse_contrastive(z_u, y_u, z_r, y_r, T), [z_u])
    moved = z_u.detach() - 0.1 * gradient
    own, other = z_r[:4].detach(), z_r[4:].detach()

    def nearer(z: Tensor) -> float:
        return float((z @ own.T).exp().mean().log() - (z @ other.T).mean())

    assert nearer(moved) < nearer(z_u.detach())


def test_what_was_hard_to_learn_counts_for_more() -> None:
    """(1 - p)^power over its mean, and the loss is the mean of each example's own, weighted so."""
    rng = np.random.default_rng(4)
    before, y_u = rng.normal(0, 2, (3, 4)), np.array([0, 3, 1])
    p = np.exp(before) / np.exp(before).sum(1, keepdims=True)
    expected = np.sqrt(1 - p[np.arange(3), y_u])
    weights = hardness(torch.tensor(before), torch.tensor(y_u), 0.5)
    assert weights.numpy() == pytest.approx(expected / expected.mean(), rel=1e-9)
    z_u, z_r, y_r = _unit(rng, 3), _unit(rng, 6), np.array([0, 1, 2, 3, 0, 1])
    each = [_svu(z_u[n : n + 1], y_u[n : n + 1], z_r, y_r) for n in range(3)]
    u, r = _tensors(z_u, z_r)
    found = inverse_contrastive(u, torch.tensor(y_u), r, torch.tensor(y_r), T, weights)
    assert float(found) == pytest.approx(np.mean(weights.numpy() * each), rel=1e-6)


def test_pictures_known_for_certain_all_count_alike() -> None:
    assert hardness(
        torch.full((2, 3), 0.0).index_fill_(1, torch.tensor([1]), 1e4), torch.tensor([1, 1]), 0.5
    ).tolist() == [1, 1]
