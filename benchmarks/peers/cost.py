"""Time and memory of a step of NPO on questions about pictures, in both implementations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import Tensor

from benchmarks.adaptation.measure import memory, peak, reset_peak, timed
from benchmarks.bars import Bar
from benchmarks.peers.inputs import PeerInputs, padded_batch
from benchmarks.peers.losses import BETA
from benchmarks.peers.peer import Peer
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.training.row_losses import answer_log_probs
from core.unlearning.methods.npo.losses import npo

_STEPS = 7


def rows(inputs: PeerInputs, peer: Peer) -> Iterator[Bar]:
    """Ratios of the peer's cost to ours."""
    lm, count = inputs.lm, len(inputs.pictured)
    with torch.no_grad():
        before = answer_log_probs(answer_logits(inputs.frozen, lm.to_batch(inputs.pictured)), count)
    batch = padded_batch(lm, inputs.pictured)

    def ours() -> Tensor:
        return npo(
            answer_log_probs(answer_logits(inputs.model, lm.to_batch(inputs.pictured)), count), before, BETA
        ).mean()

    def theirs() -> Tensor:
        loss: Tensor = peer.losses.compute_dpo_loss(inputs.model, inputs.frozen, None, batch, BETA)[0]
        return loss

    (our_time, our_peak), (their_time, their_peak) = _spent(inputs, ours), _spent(inputs, theirs)
    yield Bar(f"a step of NPO on {count} questions about 4 pictures: time, theirs / ours", their_time / our_time)
    yield Bar("the same: peak memory, theirs / ours", their_peak / our_peak)


def _spent(inputs: PeerInputs, loss: Callable[[], Tensor]) -> tuple[float, float]:
    """Median seconds of a step, and bytes at its peak."""
    device = inputs.lm.device

    def step() -> None:
        torch.autograd.backward(loss())
        for parameter in inputs.parameters:
            parameter.grad = None

    reset_peak(device)
    before = memory(device)
    step()
    used = peak(device) - before
    return median(timed(step, device) for _ in range(_STEPS)), used
