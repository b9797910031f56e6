from __future__ import annotations

import pytest
import torch

from core.unlearning.methods.smfa.losses import excess, focused


def test_nothing_is_gained_below_a_strangers_level() -> None:
    told = torch.tensor([-1.0, -7.0, -12.0], requires_grad=True)
    above = excess(told, torch.tensor([-7.0, -7.0, -7.0]))
    assert above.tolist() == [6.0, 0.0, 0.0]
    above.sum().backward()
    assert told.grad is not None
    assert told.grad.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("focus", [0.0, 0.5, 2.0])
def test_the_further_off_the_more_it_counts(focus: float) -> None:
    losses = torch.tensor([0.0, 0.1, 5.0], dtype=torch.float64, requires_grad=True)
    found = focused(losses, focus)
    assert found.tolist() == pytest.approx([0.0, 0.1 + focus * 0.01, 5 + focus * 25])
    found.sum().backward()
    assert losses.grad is not None
    assert losses.grad.tolist() == pytest.approx([1.0, 1 + 0.2 * focus, 1 + 10 * focus])
