"""Searches that go on beside the training, on a tiny pipeline."""

from __future__ import annotations

import pytest
import torch
from diffusion_support import pipeline

from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.methods.forget_me_not.adversary import adversaries


@pytest.mark.parametrize(("count", "batch"), [(3, 1), (2, 4)])
def test_every_adversary_gets_its_turn_whatever_the_batch(count: int, batch: int) -> None:
    model, generator = DiffusionModel(pipeline()), torch.Generator().manual_seed(0)
    clean = torch.randn(2, 4, 8, 8, generator=generator)
    with adversaries(model, clean, ["a {}"], "a", count, seed=0) as against:
        assert against is not None
        before = against.text(count * batch, generator).states
        for _ in range(count):
            against.attack(batch, generator)
        after = against.text(count * batch, generator).states
    moved = (after - before).abs().amax((1, 2))
    assert bool((moved > 0).all())
