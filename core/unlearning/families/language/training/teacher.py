"""Next-token distributions of the frozen model in compact form, so that no teacher runs during training.

Of a large vocabulary only the likeliest tokens are stored. For example, with TOP_TOKENS = 2 the distribution
`[.5 .1 .3 .1]` is stored as `indices [0 2]`, `probs [.5 .3]`; the remaining .2 belongs to all other tokens together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.unlearning.families.language.model.answer_cache import AnswerKind
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.frozen import run_cached
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.model import LanguageModel

TOP_TOKENS = 1024
"""Tokens of a distribution that are stored; all others share one remainder."""
WHOLE_VOCABULARY = 4096
"""Vocabularies up to this size are stored whole."""


@dataclass(frozen=True)
class Teacher:
    """Next-token distributions at the positions that predict an answer's tokens.

    `indices` and `probs` are [tokens, top]; 1 - probs.sum(-1) belongs to all other tokens together.
    """

    indices: Tensor
    probs: Tensor

    def only(self, position: int) -> Teacher:
        """The distribution at one position."""
        return Teacher(self.indices[position : position + 1], self.probs[position : position + 1])


def _pack(teacher: Teacher) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether the whole vocabulary is stored, and the tensors: a whole vocabulary needs no indices."""
    whole = bool((teacher.indices == torch.arange(teacher.indices.shape[-1])).all())
    return whole, (teacher.probs,) if whole else (teacher.probs, teacher.indices.int())


def _unpack(whole: bool, tensors: Sequence[Tensor]) -> Teacher:
    probs = tensors[0]
    indices = torch.arange(probs.shape[-1]).expand_as(probs).clone() if whole else tensors[1].long()
    return Teacher(indices, probs)


TEACHER_KIND: AnswerKind[Teacher] = AnswerKind("distribution", _pack, _unpack)


@torch.no_grad()
def teacher_distributions(lm: LanguageModel, rows: Sequence[Encoded], *, less: float = 0.0) -> list[Teacher]:
    """The model's distribution at every answer position of each row, on the CPU.

    `less` is subtracted from the logit of the answer's own token first (UNDIAL).
    """

    def run(batch: list[int]) -> list[Teacher]:
        out = answer_logits(lm.model, lm.to_batch([rows[i] for i in batch]))
        logits = out.logits
        if less:
            logits = logits.scatter_add(1, out.targets[:, None], torch.full_like(logits[:, :1], -less))
        probs, indices = _largest(logits.softmax(-1))
        counts = torch.bincount(out.rows, minlength=len(batch)).tolist()
        parts = zip(torch.split(indices.cpu(), counts), torch.split(probs.cpu(), counts), strict=True)
        return [Teacher(i.clone(), p.clone()) for i, p in parts]

    kind = replace(TEACHER_KIND, name=f"{TEACHER_KIND.name} less {less}") if less else TEACHER_KIND
    return run_cached(lm, kind, rows, lm.token_budget, run, lm.buckets)


def mean_teacher(teachers: Sequence[Teacher]) -> Teacher:
    """The average of several distributions over the same positions."""
    size = 1 + max(int(s.indices.max()) for s in teachers)
    total = torch.zeros(len(teachers[0].probs), size)
    for teacher in teachers:
        total.scatter_add_(1, teacher.indices, teacher.probs / len(teachers))
    probs, indices = _largest(total)
    return Teacher(indices, probs)


def _largest(probs: Tensor) -> tuple[Tensor, Tensor]:
    if probs.shape[-1] <= WHOLE_VOCABULARY:
        return probs, torch.arange(probs.shape[-1], device=probs.device).expand_as(probs)
    top = probs.topk(TOP_TOKENS, dim=-1)
    return top.values, top.indices


def stack_teachers(teachers: Sequence[Teacher]) -> Teacher:
    """Concatenate distributions, padded to one width with probability 0."""
    width = max(s.probs.shape[1] for s in teachers)
    padding = [(0, width - s.probs.shape[1]) for s in teachers]
    indices = torch.cat([torch.nn.functional.pad(t.indices, p) for t, p in zip(teachers, padding, strict=True)])
    probs = torch.cat([torch.nn.functional.pad(t.probs, p) for t, p in zip(teachers, padding, strict=True)])
    return Teacher(indices, probs)


def join_teachers(teachers: Sequence[Teacher], device: torch.device) -> Teacher:
    """`stack_teachers` on a device."""
    stacked = stack_teachers(teachers)
    return Teacher(stacked.indices.to(device), stacked.probs.to(device))
