"""The steps of CCU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.unlearning.families.audiovisual.model import Batch, Predicted
from core.unlearning.families.diffusion.descent import descend
from core.unlearning.methods.ccu.config import Options
from core.unlearning.methods.ccu.losses import consistency, inverse_contrastive, separation, task
from core.unlearning.methods.ccu.stopping import Criterion, refine
from core.unlearning.methods.ccu.tuning import Tuned
from core.unlearning.progress import Progress
from core.unlearning.types import Example

StopReason = Literal["criterion", "max_passes"]


@dataclass
class Trained:
    """How it went. `passes`: examples that were trained on; `forwards`: those that were only looked at."""

    stop_reason: StopReason = "max_passes"
    losses: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)
    passes: int = 0
    forwards: int = 0
    part: float = 1.0
    """Of the last stretch that was kept."""


def train(
    tuned: Tuned,
    forget: Sequence[Example],
    keep: Sequence[Example],
    criterion: Criterion,
    options: Options,
    progress: Progress,
) -> Trained:
    """Train until the criterion is met, or to the last pass. Raises `DivergedError`."""
    optimizer = torch.optim.AdamW(tuned.parameters, lr=options.lr, weight_decay=0.0)
    generator = torch.Generator("cpu").manual_seed(options.seed)
    of_forget, of_keep = _batches(forget, options.batch, generator), _batches(keep, options.keep_batch, generator)
    found = Trained(margins=[criterion.margin()])
    unmet = _copied(tuned)
    total = steps(len(forget), options)
    for step in range(1, total + 1):
        u, r = tuned.model.encode(next(of_forget)), tuned.model.encode(next(of_keep))
        loss = _loss(tuned, u, r, options)
        found.passes += len(u) + len(r)
        found.forwards += 0 if options.freeze_other else len(u) + len(r)
        found.losses.append(descend(loss, optimizer, tuned.parameters))
        progress.step(loss=found.losses[-1])
        if step % options.check_every and step < total:
            continue
        found.margins.append(criterion.margin())
        if found.margins[-1] >= 0:
            found.stop_reason = "criterion"
            found.part = refine(unmet, tuned.parameters, criterion, options.refine)
            break
        unmet = _copied(tuned)
    found.forwards += criterion.forwards
    return found


def steps(examples: int, options: Options) -> int:
    """At most."""
    return -(-examples // options.batch) * options.epochs


def _loss(tuned: Tuned, forget: Batch, keep: Batch, options: Options) -> Tensor:
    """The weighted sum of the method's terms."""
    u, r = tuned.model.forward(forget), tuned.model.forward(keep)
    z_u, z_r = (normalize(_there(side.visual_embeds).float(), dim=-1) for side in (u, r))
    unlearn = inverse_contrastive(z_u, forget.labels, z_r, keep.labels, options.temperature)
    separated = separation(z_r, keep.labels, z_u, options.temperature)
    kept = task(r.logits.float(), _there(r.visual_logits).float(), keep.labels)
    loss = options.unlearn_weight * unlearn + options.separation_weight * separated + options.task_weight * kept
    if options.freeze_other or not options.consistency_weight:
        return loss
    return loss + options.consistency_weight * _heard(tuned, [(forget, u), (keep, r)])


def _heard(tuned: Tuned, sides: Sequence[tuple[Batch, Predicted]]) -> Tensor:
    """How far what the model hears is from what it heard, over all examples with sound."""
    now, before = [], []
    for batch, predicted in sides:
        if predicted.audio_embeds is None or predicted.audio_logits is None:
            continue
        with torch.no_grad(), tuned.original():
            was = tuned.model.forward(batch)
        there = batch.has_audio
        now.append((predicted.audio_embeds[there], predicted.audio_logits[there]))
        before.append((_there(was.audio_embeds)[there], _there(was.audio_logits)[there]))
    h, logits = (torch.cat(parts).float() for parts in zip(*now, strict=True))
    h_before, logits_before = (torch.cat(parts).float() for parts in zip(*before, strict=True))
    return consistency(h, h_before, logits, logits_before)


def _batches(examples: Sequence[Example], size: int, generator: torch.Generator) -> Iterator[list[Example]]:
    """Endless passes, each in another order; a pass ends with what is left of it."""
    while True:
        order = torch.randperm(len(examples), generator=generator).tolist()
        for start in range(0, len(order), size):
            yield [examples[at] for at in order[start : start + size]]


def _copied(tuned: Tuned) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in tuned.parameters]


def _there(values: Tensor | None) -> Tensor:
    assert values is not None  # noqa: S101 - every example has a picture here, and sound where it is asked for
    return values
