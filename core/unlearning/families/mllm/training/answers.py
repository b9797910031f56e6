"""The losses of rows by what the model says to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.mllm.model.logits import AnswerLogits, answer_logits
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.training.losses import cross_entropy, divergence, row_means
from core.unlearning.families.mllm.training.rows import Row
from core.unlearning.families.mllm.training.teacher import join

RowLoss = Callable[[MultimodalLM, Any, Sequence[Row]], Tensor]
"""The losses [n] of n rows of one view under a model, differentiable and not yet weighted."""
ForgetLoss = Callable[[AnswerLogits, Sequence[Row]], Tensor]
"""The losses [n] of n rows to forget, from the logits at their answers; `beside` them, where they have it, at rows n
and on."""


def answer_losses(lm: MultimodalLM, model: Any, rows: Sequence[Row]) -> Tensor:
    """Of each row the mean over its answer's tokens: KL to its distribution, or cross-entropy on the answer."""
    out = answer_logits(model, lm.to_batch([row.encoded for row in rows]))
    return losses_of(out, rows)


def losses_of(out: AnswerLogits, rows: Sequence[Row]) -> Tensor:
    """The same, of logits that are there already."""
    device = out.logits.device
    soft = torch.tensor([row.soft is not None for row in rows], device=device)[out.rows]
    values = torch.zeros(len(out.rows), device=device)
    teachers = [row.soft for row in rows if row.soft is not None]
    if teachers:
        values = values.masked_scatter(soft, divergence(out.logits[soft], join(teachers, device)))
    if len(teachers) < len(rows):
        values = values.masked_scatter(~soft, cross_entropy(out.logits[~soft], out.targets[~soft]))
    return row_means(values, out.rows, len(rows))


def forgetting_by(forget: ForgetLoss) -> RowLoss:
    """`forget` of the rows to forget, `answer_losses` of those to keep, in one forward pass."""

    def losses(lm: MultimodalLM, model: Any, rows: Sequence[Row]) -> Tensor:
        beside = [n for n, row in enumerate(rows) if row.beside is not None]
        encoded = [*(row.encoded for row in rows), *(row.beside for row in rows if row.beside is not None)]
        out = answer_logits(model, lm.to_batch(encoded))
        told = [n for n, row in enumerate(rows) if row.kind == "forget"]
        held = [n for n, row in enumerate(rows) if row.kind != "forget"]
        found = torch.zeros(len(rows), device=lm.device)
        if told:
            places = [*told, *(len(rows) + beside.index(n) for n in told if n in beside)]
            values = forget(_of(out, places), [rows[n] for n in told])
            found = found.index_add(0, torch.tensor(told, device=lm.device), values)
        if held:
            values = losses_of(_of(out, held), [rows[n] for n in held])
            found = found.index_add(0, torch.tensor(held, device=lm.device), values)
        return found

    return losses


def _of(out: AnswerLogits, rows: Sequence[int]) -> AnswerLogits:
    """The logits of some rows, renumbered in the order given."""
    place = torch.full((int(out.rows.max()) + 1,), -1, device=out.rows.device)
    place[torch.tensor(rows, device=place.device)] = torch.arange(len(rows), device=place.device)
    chosen = place[out.rows] >= 0
    return AnswerLogits(out.logits[chosen], out.targets[chosen], place[out.rows[chosen]])


def log_probs(out: AnswerLogits, count: int) -> Tensor:
    """Log p(answer) of each row [count], summed over the answer's tokens."""
    total = torch.zeros(count, device=out.logits.device)
    return total.index_add(0, out.rows, -cross_entropy(out.logits, out.targets))


def mean_losses(out: AnswerLogits, count: int) -> Tensor:
    """-log p(answer) / |answer| of each row [count]."""
    return row_means(cross_entropy(out.logits, out.targets), out.rows, count)
