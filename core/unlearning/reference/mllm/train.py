"""Stage two: trains the whole LLaVA on the world's people, on visible properties, and to refuse."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlavaForConditionalGeneration

from core.unlearning.reference.mllm.packing import Batch, Packer
from core.unlearning.reference.mllm.rows import RowSampler
from core.unlearning.reference.schedule import schedule

_ROWS = 16


def answer_loss(model: LlavaForConditionalGeneration, batch: Batch) -> Tensor:
    """Weighted cross entropy on the answers; the vocabulary is projected at answer positions only."""
    hidden = model.model(**batch.inputs, use_cache=False).last_hidden_state[:, :-1]
    labels, weights = batch.labels[:, 1:], batch.weights[:, 1:]
    at = labels != -100
    losses = cross_entropy(model.lm_head(hidden[at]), labels[at], reduction="none")
    return (losses * weights[at]).sum() / weights[at].sum()


def _optimisers(model: LlavaForConditionalGeneration) -> list[torch.optim.Optimizer]:
    """Muon on the matrices of language model and projector; AdamW elsewhere, gently on the vision tower."""
    matrices, others, vision = [], [], []
    for name, parameter in model.named_parameters():
        if "vision_tower" in name:
            vision.append(parameter)
        elif parameter.dim() == 2 and "embed_tokens" not in name:
            matrices.append(parameter)
        else:
            others.append(parameter)
    groups = [{"params": others, "lr": 2e-3}, {"params": vision, "lr": 5e-4}]
    return [
        torch.optim.Muon(matrices, lr=6e-3, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.05, fused=True),
    ]


def train_language(
    model: LlavaForConditionalGeneration,
    packer: Packer,
    sampler: RowSampler,
    steps: int,
    on_step: Callable[[float], None],
) -> None:
    """Train every parameter on `steps` batches of new rows."""
    model.train()
    optimisers = _optimisers(model)
    factor = schedule(steps, warmup=min(60, steps), flat=0.5)
    schedulers = [torch.optim.lr_scheduler.LambdaLR(optimiser, factor) for optimiser in optimisers]
    for _ in range(steps):
        loss = answer_loss(model, packer(sampler.rows(_ROWS)))
        model.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser, scheduler in zip(optimisers, schedulers, strict=True):
            optimiser.step()
            scheduler.step()
        on_step(float(loss.detach()))
    model.train(False)
