"""Trains both halves together, on examples that may lack a modality."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Batch
from core.unlearning.families.audiovisual.model.modeling import UNIMODAL_WEIGHT
from core.unlearning.reference.audiovisual.rows import DigitRow
from core.unlearning.types import Example

_BATCH = 64
_RATE = 2e-3
_WEIGHT_DECAY = 0.05
_WARM_UP = 0.15


def examples(rows: Sequence[DigitRow], withheld: Collection[str] = ()) -> list[Example]:
    """The rows as examples, without the pictures of the withheld ids."""
    return [
        Example("retain_examples", "", row.label, None if row.id in withheld else row.image(), audio=row.sound())
        for row in rows
    ]


def train(
    model: AudioVisualModel,
    given: Sequence[Example],
    epochs: int,
    seed: int,
    on_step: Callable[[int, int, float], None],
) -> None:
    """Train in place with AdamW and one cycle of the rate; `on_step(step, steps, loss)` after every step."""
    data = model.encode(given)
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(data), generator=generator) for _ in range(epochs)]
    batches = [at for order in orders for at in torch.split(order, _BATCH)]
    parameters = list(model.model.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_WEIGHT_DECAY)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=len(batches), pct_start=_WARM_UP)
    model.model.train()
    for step, at in enumerate(batches, start=1):
        loss = batch_loss(model, data.at(at))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        scheduler.step()
        on_step(step, len(batches), loss.item())
    model.model.eval()


def batch_loss(model: AudioVisualModel, batch: Batch) -> Tensor:
    """The mean over rows of CE(l) + 0.5 CE(l_v) + 0.5 CE(l_a); of a row whose picture is withheld, CE(l_a) alone."""
    out = model.forward(batch)
    loss = cross_entropy(out.logits, batch.labels, reduction="none")
    for half in (out.visual_logits, out.audio_logits):
        if half is not None:
            apart = cross_entropy(half, batch.labels, reduction="none")
            loss = loss + UNIMODAL_WEIGHT * apart * (batch.has_image & batch.has_audio)
    return loss.mean()
