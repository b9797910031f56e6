"""Relearn time: steps of training until the forgotten pictures are learned again.

The visual side is fine-tuned on the forgotten pictures until their loss is near that of retain pictures. A model that
was never trained on them needs some steps too, so the number is read beside the reference's.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.unlearning.evaluation.relearn_time import relearn_time
from core.unlearning.families.audiovisual.model.model import AudioVisualModel, Batch
from core.unlearning.families.shared.restoring import restoring
from core.unlearning.types import Example

STEPS = 50
"""At most so many; a model that needs more is said to need so many."""
_LR, _BATCH = 3e-4, 64
_SURENESS = 2.0
"""Times the loss on what was kept, which counts as being told as surely."""
_VISUAL = ("vision_", "visual_projection")


def relearn_steps(model: AudioVisualModel, forgotten: Sequence[Example], kept_loss: float) -> int | None:
    """AdamW steps until the mean visual loss is down to twice `kept_loss`; None where no picture has a known label.

    The model is afterwards as it was.
    """
    batch = model.encode([e for e in forgotten if e.image is not None])
    batch = batch.at(batch.labels >= 0) if len(batch) else batch
    if not len(batch) or batch.pixel_values is None:
        return None
    # Those of an adapter too.
    parameters = [p for name, p in model.model.named_parameters() if any(part in name for part in _VISUAL)]
    with restoring(model.model, parameters):
        losses = _losses(model, batch, parameters)
        found = relearn_time(losses, _SURENESS * kept_loss)
        losses.close()
    return STEPS if found is None else found


def _losses(model: AudioVisualModel, batch: Batch, parameters: Sequence[nn.Parameter]) -> Generator[float, None, None]:
    """The mean loss on all before the first step and after each."""
    optimiser = torch.optim.AdamW(parameters, lr=_LR, weight_decay=0.0)
    order = torch.Generator().manual_seed(0)
    yield _mean_loss(model, batch)
    for _ in range(STEPS):
        rows = torch.randperm(len(batch), generator=order)[:_BATCH].to(batch.labels.device)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward([_loss(model, batch.at(rows))])
        optimiser.step()
        yield _mean_loss(model, batch)


@torch.no_grad()
def _mean_loss(model: AudioVisualModel, batch: Batch) -> float:
    rows = torch.split(torch.arange(len(batch), device=batch.labels.device), _BATCH)
    return float(sum(_loss(model, batch.at(some)) * len(some) for some in rows)) / len(batch)


def _loss(model: AudioVisualModel, batch: Batch) -> Tensor:
    logits = model.forward(batch).visual_logits
    assert logits is not None  # noqa: S101 - every row has a picture
    return cross_entropy(logits.float(), batch.labels)
