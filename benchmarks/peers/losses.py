"""Losses of the same rows under the same weights, in both implementations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks.bars import Bar
from benchmarks.peers.inputs import PeerInputs, padded_batch
from benchmarks.peers.peer import Peer
from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.logits import AnswerLogits, answer_logits
from core.unlearning.families.language.training.losses import kl_divergence
from core.unlearning.families.language.training.row_losses import answer_log_probs, mean_answer_losses
from core.unlearning.families.language.training.teacher import Teacher
from core.unlearning.methods.dpo.losses import dpo
from core.unlearning.methods.npo.losses import npo
from core.unlearning.methods.simnpo.losses import simnpo
from core.unlearning.methods.undial.losses import soft_cross_entropy

BETA, SIM_BETA, GAMMA, UNDIAL_BETA = 0.1, 2.5, 0.5, 10.0
MAX_DIFFERENCE = 1e-4


@torch.no_grad()
def rows(inputs: PeerInputs, peer: Peer) -> Iterator[Bar]:
    """Largest differences where the definitions are the same, and both values where they are not."""
    yield from _preference(inputs, peer)
    yield from _likelihood(inputs, peer)
    yield from _distributions(inputs, peer)


def difference_bar(name: str, ours: Any, theirs: Any, note: str = "") -> Bar:
    """The absolute difference of both values."""
    difference = abs(float(ours) - float(theirs))
    return Bar(f"{name}: difference", difference, MAX_DIFFERENCE, note=note or f"{float(ours):.6g}")


def _preference(inputs: PeerInputs, peer: Peer) -> Iterator[Bar]:
    lm, pictured = inputs.lm, inputs.pictured
    batch = padded_batch(lm, pictured)
    out, frozen = (answer_logits(m, lm.to_batch(pictured)) for m in (inputs.model, inputs.frozen))
    trained, before = answer_log_probs(out, len(pictured)), answer_log_probs(frozen, len(pictured))
    theirs, _ = peer.losses.compute_dpo_loss(inputs.model, inputs.frozen, None, batch, BETA)
    yield difference_bar("NPO, questions about pictures", npo(trained, before, BETA).mean(), theirs)
    simple = SimpleNamespace(
        beta=SIM_BETA, delta=GAMMA / SIM_BETA, gamma=1.0, alpha=0.0, compute_retain_loss=lambda **_: 0.0
    )
    text = padded_batch(lm, inputs.named)
    batches = {"forget": text, "retain": text}
    our_losses = mean_answer_losses(answer_logits(inputs.model, lm.to_batch(inputs.named)), len(inputs.named))
    theirs = peer.simnpo.compute_loss(simple, inputs.model, batches)
    note = "their delta is the paper's gamma / beta; gamma here is the paper's"
    yield difference_bar("SimNPO", simnpo(our_losses, SIM_BETA, GAMMA).mean(), theirs, note)
    ratios = []
    for answers in (inputs.refused, inputs.named):
        now, then = (answer_logits(m, lm.to_batch(answers)) for m in (inputs.model, inputs.frozen))
        ratios.append(answer_log_probs(now, len(answers)) - answer_log_probs(then, len(answers)))
    preferred, rejected = ratios
    winners = padded_batch(lm, inputs.refused)
    theirs, _ = peer.losses.compute_dpo_loss(inputs.model, inputs.frozen, winners, text, BETA)
    yield difference_bar("DPO, refusal over answer", dpo(preferred, rejected, BETA).mean(), theirs)


def _likelihood(inputs: PeerInputs, peer: Peer) -> Iterator[Bar]:
    lm, named = inputs.lm, inputs.named
    ours = -mean_answer_losses(answer_logits(inputs.model, lm.to_batch(named)), len(named))
    singly = [peer.ascent.compute_loss(None, inputs.model, {"forget": padded_batch(lm, [row])}) for row in named]
    yield difference_bar("gradient ascent, an answer at a time", (ours - torch.stack(singly)).abs().max(), 0.0)
    together = peer.ascent.compute_loss(None, inputs.model, {"forget": padded_batch(lm, named)})
    note = "theirs is a mean over all tokens of a batch; TOFU (and this project): over answers of each one's mean"
    yield Bar("gradient ascent, a batch: ours", float(ours.mean()), note=note)
    yield Bar("gradient ascent, a batch: theirs", float(together))


def _distributions(inputs: PeerInputs, peer: Peer) -> Iterator[Bar]:
    lm = inputs.lm
    whole = [replace(row, answer_start=1) for row in inputs.named]
    now, then = (answer_logits(m, collate(whole, lm.pad_id, lm.device)) for m in (inputs.model, inputs.frozen))
    is_answer = torch.cat([torch.arange(1, len(row)) >= row.answer_start for row in inputs.named])
    yield from _undial(inputs, peer, now, then, is_answer)
    yield from _kl(inputs, peer, now, then, is_answer)


def _undial(
    inputs: PeerInputs, peer: Peer, now: AnswerLogits, then: AnswerLogits, is_answer: torch.Tensor
) -> Iterator[Bar]:
    adjusted = then.logits - UNDIAL_BETA * torch.nn.functional.one_hot(then.targets, then.logits.shape[1])
    values = soft_cross_entropy(now.logits, _soft(adjusted))
    errors = []
    for n, row in enumerate(inputs.named):
        batch = padded_batch(inputs.lm, [row], whole=True)
        theirs, _ = peer.losses.compute_undial_loss(inputs.model, inputs.frozen, batch, UNDIAL_BETA)
        errors.append(abs(float(values[now.rows == n].mean()) - float(theirs)))
    yield difference_bar("UNDIAL, every token of a text as its answer", max(errors), 0.0)
    batch = padded_batch(inputs.lm, inputs.named)
    theirs, _ = peer.losses.compute_undial_loss(inputs.model, inputs.frozen, batch, UNDIAL_BETA)
    note = "theirs counts questions and padding too, with label -100 there: the 100th token from the vocabulary's end"
    yield Bar("UNDIAL, a batch: ours, over answers", float(values[is_answer].mean()), note=note)
    yield Bar("UNDIAL, a batch: theirs", float(theirs))


def _kl(
    inputs: PeerInputs, peer: Peer, now: AnswerLogits, then: AnswerLogits, is_answer: torch.Tensor
) -> Iterator[Bar]:
    divergences = kl_divergence(now.logits, _soft(then.logits))
    errors = []
    for n, row in enumerate(inputs.named):
        batch = padded_batch(inputs.lm, [row])
        theirs, outputs = peer.losses.compute_kl_divergence(inputs.model, inputs.frozen, batch)
        # Their mean includes the last position, which predicts nothing.
        last = kl_divergence(outputs.logits[0, -1:], _soft(inputs.frozen(**batch).logits[0, -1:]))
        ours = (divergences[now.rows == n].sum() + last.sum()) / len(row)
        errors.append(abs(float(ours) - float(theirs)))
    yield difference_bar("KL(frozen ‖ trained) at the same tokens", max(errors), 0.0)
    theirs, _ = peer.losses.compute_kl_divergence(inputs.model, inputs.frozen, padded_batch(inputs.lm, inputs.named))
    note = "TOFU: over all tokens of a text; theirs counts padding too; ours is over the answers, what is to be kept"
    yield Bar("KL, a batch: ours", float(divergences[is_answer].mean()), note=note)
    yield Bar("KL, a batch: theirs", float(theirs))


def _soft(logits: torch.Tensor) -> Teacher:
    probs = logits.softmax(-1)
    return Teacher(torch.arange(probs.shape[1]).expand_as(probs), probs)
