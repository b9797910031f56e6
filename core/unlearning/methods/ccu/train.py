"""The steps of CCU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.unlearning.descent import descend
from core.unlearning.families.audiovisual.model import Batch, Predicted
from core.unlearning.methods.ccu.config import CLASS_PASSES, CLASS_UNLEARN_WEIGHT, PASSES, UNLEARN_WEIGHT, Options
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
    whole_class = criterion.accuracy is not None
    total = steps(len(forget), options, whole_class=whole_class)
    weight = _unlearn_weight(options, whole_class=whole_class)
    for step in range(1, total + 1):
        u, r = tuned.model.encode(next(of_forget)), tuned.model.encode(next(of_keep))
        loss = _loss(tuned, u, r, options, weight)
        found.passes += len(u) + len(r)
        found.forwards += sum(map(len, _looked_back_at(u, r, options)))
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


def steps(examples: int, options: Options, *, whole_class: bool) -> int:
    """At most."""
    epochs = options.epochs or (CLASS_PASSES if whole_class else PASSES)
    return -(-examples // options.batch) * epochs


def _unlearn_weight(options: Options, *, whole_class: bool) -> float:
    if options.unlearn_weight is not None:
        return options.unlearn_weight
    return CLASS_UNLEARN_WEIGHT if whole_class else UNLEARN_WEIGHT


def _loss(tuned: Tuned, forget: Batch, keep: Batch, options: Options, unlearn_weight: float) -> Tensor:
    """The weighted sum of the method's terms."""
    # Before the model in training is asked: `original` may put other weights in the place of those that it remembers.
    was = [_original(tuned, batch) for batch in _looked_back_at(forget, keep, options)]
    u, r = tuned.model.forward(forget), tuned.model.forward(keep)
    z_u, z_r = (normalize(_there(side.visual_embeds).float(), dim=-1) for side in (u, r))
    unlearn = inverse_contrastive(z_u, forget.labels, z_r, keep.labels, options.temperature)
    separated = separation(z_r, keep.labels, z_u, options.temperature)
    kept = task(r.logits.float(), _there(r.visual_logits).float(), keep.labels)
    loss = unlearn_weight * unlearn + options.separation_weight * separated + options.task_weight * kept
    if options.retention_weight:
        loss = loss + options.retention_weight * _seen(r, was[0])
    if options.freeze_other or not options.consistency_weight:
        return loss
    return loss + options.consistency_weight * _heard([(keep, r, was[0]), (forget, u, was[1])])


def _looked_back_at(forget: Batch, keep: Batch, options: Options) -> list[Batch]:
    """Of what a term compares with the original: of what is kept what is seen, or of both what is heard."""
    if options.freeze_other:
        return [keep] if options.retention_weight else []
    return [keep, forget]


def _original(tuned: Tuned, batch: Batch) -> Predicted:
    with torch.no_grad(), tuned.original():
        return tuned.model.forward(batch)


def _seen(now: Predicted, was: Predicted) -> Tensor:
    """How far what the model sees in kept pictures is from what it saw."""
    pairs = ((now.visual_embeds, was.visual_embeds), (now.visual_logits, was.visual_logits))
    (h, h_before), (logits, logits_before) = ((_there(a).float(), _there(b).float()) for a, b in pairs)
    return consistency(h, h_before, logits, logits_before)


def _heard(sides: Sequence[tuple[Batch, Predicted, Predicted]]) -> Tensor:
    """How far what the model hears is from what it heard, over all examples with sound."""
    now, before = [], []
    for batch, predicted, was in sides:
        if predicted.audio_embeds is None or predicted.audio_logits is None:
            continue
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
