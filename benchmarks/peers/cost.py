"""Time and memory of a step of NPO on questions about pictures, by both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import Tensor

from benchmarks.adaptation.measure import memory, peak, reset_peak, timed
from benchmarks.bars import Bar
from benchmarks.peers.inputs import Given, as_theirs
from benchmarks.peers.losses import BETA
from benchmarks.peers.peer import Theirs
from core.unlearning.families.mllm.model.logits import answer_logits
from core.unlearning.families.mllm.training.row_losses import answer_log_probs
from core.unlearning.methods.npo.losses import npo

_STEPS = 7


def rows(given: Given, theirs: Theirs) -> Iterator[Bar]:
    """Ratios, theirs to ours."""
    lm, count = given.lm, len(given.pictured)
    with torch.no_grad():
        before = answer_log_probs(answer_logits(given.frozen, lm.to_batch(given.pictured)), count)
    batch = as_theirs(lm, given.pictured)

    def ours() -> Tensor:
        return npo(
            answer_log_probs(answer_logits(given.model, lm.to_batch(given.pictured)), count), before, BETA
        ).mean()

    def their() -> Tensor:
        loss: Tensor = theirs.losses.compute_dpo_loss(given.model, given.frozen, None, batch, BETA)[0]
        return loss

    (mine, my_peak), (others, their_peak) = _spent(given, ours), _spent(given, their)
    yield Bar(f"a step of NPO on {count} questions about 4 pictures: time, theirs / ours", others / mine)
    yield Bar("the same: peak memory, theirs / ours", their_peak / my_peak)


def _spent(given: Given, loss: Callable[[], Tensor]) -> tuple[float, float]:
    """Seconds (median) and bytes."""
    device = given.lm.device

    def step() -> None:
        loss().backward()  # type: ignore[no-untyped-call]
        for parameter in given.parameters:
            parameter.grad = None

    reset_peak(device)
    held = memory(device)
    step()
    most = peak(device) - held
    return median(timed(step, device) for _ in range(_STEPS)), most
