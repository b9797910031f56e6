"""Consolidation's closed form against least squares in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.unlearning.methods.smfa import activations
from core.unlearning.methods.smfa.merge import MAX_SCALE, RIDGE, JobDelta, effect_left, job_scales, lost_effect, merge
from core.unlearning.patches.modules import ModuleDelta

OUT, IN = 7, 10


def inputs(seed: int, count: int, width: int = IN) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def part(seed: int, rank: int, x: torch.Tensor) -> JobDelta:
    a, b = inputs(100 + seed, rank), inputs(200 + seed, OUT)[:, :rank]
    return JobDelta(a, b, x.T @ x / len(x))


def whole(delta: ModuleDelta) -> np.ndarray:
    return delta.lora_b.double().numpy() @ delta.lora_a.double().numpy()


@pytest.mark.parametrize(("ranks", "rank"), [((2, 3), 5), ((3, 2, 4), 7)])
def test_it_is_the_least_squares_solution(ranks: tuple[int, ...], rank: int) -> None:
    seen = [inputs(seed, 40) for seed in range(len(ranks))]
    kept, weight = inputs(9, 60), 3.0
    parts = [part(seed, r, x) for seed, (r, x) in enumerate(zip(ranks, seen, strict=True))]
    moment = kept.T @ kept / len(kept)
    found = merge("m", parts, moment, weight, strength=0.0)

    rows = [x.numpy() / np.sqrt(len(x)) for x in seen]
    wanted = [row @ (p.b @ p.a).numpy().T for row, p in zip(rows, parts, strict=True)]
    together = sum(p.moment for p in parts) + weight * moment
    ridge = np.sqrt(RIDGE * float(together.diagonal().mean())) * np.eye(IN)
    left = np.vstack([*rows, np.sqrt(weight / len(kept)) * kept.numpy(), ridge])
    right = np.vstack([*wanted, np.zeros((len(kept) + IN, OUT))])
    expected = np.linalg.lstsq(left, right, rcond=None)[0].T
    assert np.abs(whole(found) - expected).max() <= 1e-5
    assert (found.rank, found.shape, found.nnz) == (rank, (OUT, IN), 0)


def test_subjects_that_lie_apart_get_the_sum_of_their_deltas() -> None:
    """Each delta reads where only its own subject lies: then nothing has to give way, and all effects are whole."""
    parts, places = [], (slice(0, 3), slice(3, 6))
    for seed, place in enumerate(places):
        a, x = torch.zeros(2, IN, dtype=torch.float64), torch.zeros(30, IN, dtype=torch.float64)
        a[:, place], x[:, place] = inputs(seed, 2, 3), inputs(10 + seed, 30, 3)
        parts.append(JobDelta(a, inputs(20 + seed, OUT)[:, :2], x.T @ x))
    kept = torch.zeros(30, IN, dtype=torch.float64)
    kept[:, 6:] = inputs(5, 30, 4)
    found = merge("m", parts, kept.T @ kept, 10.0, strength=1.0)
    total = sum((p.b @ p.a).numpy() for p in parts)
    assert np.abs(whole(found) - total).max() <= 1e-3
    assert all(effect_left([lost_effect(found, p)]) > 1 - 1e-6 for p in parts)


def test_more_weight_on_what_is_kept_leaves_less_there_and_less_effect() -> None:
    parts, kept = [part(0, 3, inputs(0, 30)), part(1, 3, inputs(1, 30))], inputs(2, 30)
    found = [merge("m", parts, kept.T @ kept / 30, weight, 0.0) for weight in (0.1, 1.0, 10.0)]
    on_kept = [np.linalg.norm(whole(f) @ kept.numpy().T) for f in found]
    effects = [effect_left([lost_effect(f, p) for p in parts]) for f in found]
    assert on_kept == sorted(on_kept, reverse=True)
    assert effects == sorted(effects, reverse=True)


def test_of_all_patches_that_act_on_everybody_as_asked_it_disturbs_least() -> None:
    """Against the constrained minimum from its own optimality conditions, over the entries of D."""
    seen, kept, weight, strength = [inputs(seed, 40) for seed in range(3)], inputs(9, 60), 0.5, 0.7
    parts = [part(seed, 2, x) for seed, x in enumerate(seen)]
    moment = kept.T @ kept / len(kept)
    found = whole(merge("m", parts, moment, weight, strength))

    own = [(p.b @ p.a).numpy() for p in parts]
    moments = [x.numpy().T @ x.numpy() / len(x) for x in seen]
    together = sum(moments) + weight * moment.numpy()
    together = together + RIDGE * np.diag(together).mean() * np.eye(IN)
    along = np.stack([(d @ g).ravel() for d, g in zip(own, moments, strict=True)])
    asked = np.array([strength * np.sum((d @ g) * d) for d, g in zip(own, moments, strict=True)])
    conditions = np.block([[np.kron(np.eye(OUT), together), along.T], [along, np.zeros((3, 3))]])
    expected = np.linalg.solve(conditions, np.concatenate([np.zeros(OUT * IN), asked]))[: OUT * IN].reshape(OUT, IN)
    assert np.abs(found - expected).max() <= 1e-5
    shrunk = whole(merge("m", parts, moment, weight, 0.0))
    assert (along @ shrunk.ravel() < 0.6 * asked).all(), "least squares alone did as much"


def test_nobody_counts_less_than_once_or_more_than_allowed() -> None:
    effects, own = torch.eye(3).double() * torch.tensor([1.0, 0.1, 0.5]), torch.ones(3).double()
    assert job_scales(effects, own, 0.8) == pytest.approx([1.0, MAX_SCALE, 1.6])
    alike = torch.full((2, 2), 0.7).double()
    assert job_scales(alike, own[:2], 1.0) == pytest.approx([1.0, 1.0]), "together they do enough already"
    assert job_scales(torch.zeros(1, 1).double(), torch.zeros(1).double(), 1.0) == [1.0]


def test_nothing_is_all_of_the_effect_missing() -> None:
    one = part(0, 2, inputs(0, 30))
    nothing = ModuleDelta("m", torch.zeros(1, IN), torch.zeros(OUT, 1), torch.zeros(0).long(), torch.zeros(0))
    assert effect_left([lost_effect(nothing, one)]) == pytest.approx(0.0)


def test_the_sketch_is_the_best_approximation_of_its_rank() -> None:
    x = inputs(3, 50)
    moment = x.T @ x
    values, vectors = np.linalg.eigh(moment.numpy())
    best_of_4 = (vectors[:, -4:] * values[-4:]) @ vectors[:, -4:].T
    q = activations.low_rank_root(moment, 4).numpy()
    assert q.shape == (4, IN)
    assert np.abs(q.T @ q - best_of_4).max() <= 1e-9
    q = activations.low_rank_root(moment).numpy()
    assert np.abs(q.T @ q - moment.numpy()).max() <= 1e-9
