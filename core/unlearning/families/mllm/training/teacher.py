"""What the frozen model says, kept as compact next-token distributions, so that no teacher runs while training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.unlearning.families.mllm.model.answer_cache import AnswerKind
from core.unlearning.families.mllm.model.encoded import Encoded
from core.unlearning.families.mllm.model.frozen import run_cached
from core.unlearning.families.mllm.model.logits import answer_logits
from core.unlearning.families.mllm.model.model import MultimodalLM

TOP = 1024
"""Tokens of a distribution that are kept; all the others share one remainder."""
SMALL = 4096
"""Vocabularies up to this size are kept whole."""


@dataclass(frozen=True)
class Soft:
    """Distributions over the next token at each of an answer's positions.

    `indices` and `probs` are [tokens, top]; 1 - probs.sum(-1) belongs to all other tokens together.
    """

    indices: Tensor
    probs: Tensor


def _pack(soft: Soft) -> tuple[bool, tuple[Tensor, ...]]:
    """A whole vocabulary needs no list of its tokens."""
    whole = bool((soft.indices == torch.arange(soft.indices.shape[-1])).all())
    return whole, (soft.probs,) if whole else (soft.probs, soft.indices.int())


def _unpack(whole: bool, tensors: Sequence[Tensor]) -> Soft:
    probs = tensors[0]
    indices = torch.arange(probs.shape[-1]).expand_as(probs).clone() if whole else tensors[1].long()
    return Soft(indices, probs)


SOFT: AnswerKind[Soft] = AnswerKind("distribution", _pack, _unpack)


@torch.no_grad()
def distributions(lm: MultimodalLM, rows: Sequence[Encoded], *, less: float = 0.0) -> list[Soft]:
    """The model's distribution at every answer position of each row (on the CPU).

    `less` is taken from the logit of the answer's own token first.
    """

    def run(batch: list[int]) -> list[Soft]:
        out = answer_logits(lm.model, lm.to_batch([rows[i] for i in batch]))
        logits = out.logits
        if less:
            logits = logits.scatter_add(1, out.targets[:, None], torch.full_like(logits[:, :1], -less))
        probs, indices = _largest(logits.softmax(-1))
        counts = torch.bincount(out.rows, minlength=len(batch)).tolist()
        parts = zip(torch.split(indices.cpu(), counts), torch.split(probs.cpu(), counts), strict=True)
        return [Soft(i.clone(), p.clone()) for i, p in parts]

    kind = replace(SOFT, name=f"{SOFT.name} less {less}") if less else SOFT
    return run_cached(lm, kind, rows, lm.token_budget, run, lm.buckets)


def mean(softs: Sequence[Soft]) -> Soft:
    """The average of several distributions over the same positions."""
    size = 1 + max(int(s.indices.max()) for s in softs)
    total = torch.zeros(len(softs[0].probs), size)
    for soft in softs:
        total.scatter_add_(1, soft.indices, soft.probs / len(softs))
    probs, indices = _largest(total)
    return Soft(indices, probs)


def _largest(probs: Tensor) -> tuple[Tensor, Tensor]:
    if probs.shape[-1] <= SMALL:
        return probs, torch.arange(probs.shape[-1], device=probs.device).expand_as(probs)
    kept = probs.topk(TOP, dim=-1)
    return kept.values, kept.indices


def join(softs: Sequence[Soft], device: torch.device) -> Soft:
    """Several answers' distributions one after the other, filled up to one width with zero probability."""
    width = max(s.probs.shape[1] for s in softs)
    grown = [(0, width - s.probs.shape[1]) for s in softs]
    indices = torch.cat([torch.nn.functional.pad(s.indices, g) for s, g in zip(softs, grown, strict=True)])
    probs = torch.cat([torch.nn.functional.pad(s.probs, g) for s, g in zip(softs, grown, strict=True)])
    return Soft(indices.to(device), probs.to(device))
