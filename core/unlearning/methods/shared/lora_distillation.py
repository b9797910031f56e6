"""Train a LoRA of a denoiser on predictions of the base model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.diffusion.model import adapters, lora_file
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.families.diffusion.model.noise import NoisedLatents, encode_images, predict
from core.unlearning.families.diffusion.model.text import EncodedPrompts
from core.unlearning.families.shared.descent import descend
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.patches.digest import base_digest
from core.unlearning.progress import Progress
from core.unlearning.types import Example, JobData


class DistillationOptions(Protocol):
    """Options that such a method has."""

    @property
    def rank(self) -> int: ...

    @property
    def steps(self) -> int: ...

    @property
    def lr(self) -> float: ...

    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class DistillationBatch:
    """Rows of noise, their prompts, and the `target` predictions of the frozen base."""

    rows: NoisedLatents
    text: EncodedPrompts
    target: Tensor


MakeBatch = Callable[[torch.Generator], DistillationBatch]
"""Makes the batch of one step."""


def prompts_to_forget(data: JobData) -> list[Example]:
    """The training prompts to forget, without duplicates. Raises `InvalidInputError` where there is none."""
    rows = list({e.question: e for e in data.train if e.split.startswith("forget_")}.values())
    if not rows:
        raise InvalidInputError("the request brings no prompt and no name to forget", code="nothing_to_forget")
    return rows


def draw_latents(model: DiffusionModel, prompts: Sequence[str], count: int, seed: int) -> Tensor:
    """Latents of `count` pictures that the model draws from the prompts in turn."""
    return encode_images(
        model, model.draw([prompts[n % len(prompts)] for n in range(count)], range(seed, seed + count))
    )


def train_lora(
    model: DiffusionModel, make_batch: MakeBatch, options: DistillationOptions, job: JobContext, method: str
) -> MethodResult:
    """A LoRA on all cross-attention, written to `job.adapter`. Raises `DivergedError`."""
    job.progress.phase("training", options.steps)
    with adapters.with_lora(model.pipe.unet, adapters.ALL, options.rank, options.seed) as parameters:
        losses = _train(model, make_batch, parameters, options, job.progress)
        changes = adapters.factors(model.pipe.unet)
    digest = base_digest(model.pipe.name_or_path)
    sizes = lora_file.write(changes, job.adapter, method=method, base_digest=digest)
    details = {"losses": {"LoRA": [round(loss, 5) for loss in losses]}, "rank": options.rank, "bytes": sizes}
    return MethodResult(job.adapter, details={**details, "modules": len(changes)})


def _train(
    model: DiffusionModel,
    make_batch: MakeBatch,
    parameters: Sequence[torch.nn.Parameter],
    options: DistillationOptions,
    progress: Progress,
) -> list[float]:
    optimizer = torch.optim.AdamW(parameters, lr=options.lr, weight_decay=0.0)
    generator = torch.Generator("cpu").manual_seed(options.seed)
    losses: list[float] = []
    for _ in range(options.steps):
        batch = make_batch(generator)
        loss = mse_loss(predict(model, batch.rows, batch.text).float(), batch.target.float())
        losses.append(descend(loss, optimizer, parameters))
        progress.step(loss=losses[-1])
    return losses
