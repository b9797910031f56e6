"""Log-probabilities of given answers, with logits computed at answer positions only."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from core.unlearning.families.mllm.batch import Batch
from core.unlearning.families.mllm.encode import Encoded
from core.unlearning.families.mllm.memory import Kind, asked

if TYPE_CHECKING:
    from core.unlearning.families.mllm.model import MultimodalLM
    from core.unlearning.types import Example


@dataclass(frozen=True)
class Scored:
    """`total` log-probability over `tokens` answer tokens; `greedy`: greedy decoding would give just this answer."""

    total: float
    tokens: int
    greedy: bool


SCORED: Kind[Scored] = Kind(
    "score", lambda scored: ([scored.total, scored.tokens, scored.greedy], ()), lambda values, _: Scored(*values)
)


@dataclass(frozen=True)
class AnswerLogits:
    """Logits [n, vocabulary] (float32) before each answer token, the tokens [n], and the row of each [n]."""

    logits: Tensor
    targets: Tensor
    rows: Tensor


def answer_logits(model: Any, batch: Batch) -> AnswerLogits:
    """One forward pass. Differentiable where the caller allows gradients."""
    inputs = as_dtype(batch.inputs, model.dtype)
    where = (batch.sequences, batch.columns)
    if _keeps_logits(model):
        keep = torch.zeros_like(inputs["input_ids"], dtype=torch.bool)
        keep[where] = True
        place = keep.flatten().cumsum(0).view_as(keep) - 1
        logits = model(**inputs, use_cache=False, logits_to_keep=keep).logits[place[where]]
    else:
        logits = model(**inputs, use_cache=False).logits[where]
    return AnswerLogits(logits.float(), batch.targets, batch.rows)


def as_dtype(inputs: Mapping[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """With every tensor of floating point numbers in that precision."""
    return {k: v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in inputs.items()}


def _keeps_logits(model: Any) -> bool:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(base.forward).parameters


def encode_all(lm: MultimodalLM, examples: Sequence[Example]) -> list[Encoded]:
    """Questions with their own answers."""
    return [lm.encoder.with_answer(e.question, e.image, e.answer) for e in examples]


def score(lm: MultimodalLM, examples: Sequence[Example]) -> list[Scored]:
    """Score every example's own answer."""
    return score_encoded(lm, encode_all(lm, examples))


@torch.no_grad()
def score_encoded(lm: MultimodalLM, rows: Sequence[Encoded]) -> list[Scored]:
    """Score rows that are encoded already."""

    def run(batch: list[int]) -> list[Scored]:
        out = answer_logits(lm.model, lm.batched([rows[i] for i in batch]))
        chosen = out.logits.log_softmax(-1).gather(1, out.targets[:, None]).squeeze(1)
        wrong = out.logits.argmax(-1) != out.targets
        total = torch.zeros(len(batch), device=chosen.device).index_add_(0, out.rows, chosen).tolist()
        misses = torch.bincount(out.rows[wrong], minlength=len(batch)).tolist()
        counts = torch.bincount(out.rows, minlength=len(batch)).tolist()
        return [Scored(t, c, m == 0) for t, c, m in zip(total, counts, misses, strict=True)]

    return asked(lm, SCORED, rows, lm.token_budget, run, lm.buckets)
