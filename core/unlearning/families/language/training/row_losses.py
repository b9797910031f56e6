"""Per-row losses from one forward pass over a micro-batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.language.model.logits import AnswerLogits, answer_logits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.losses import cross_entropy, kl_divergence, row_means
from core.unlearning.families.language.training.rows import TrainingRow
from core.unlearning.families.language.training.teacher import join_teachers

RowLoss = Callable[[LanguageModel, Any, Sequence[TrainingRow]], Tensor]
"""The losses [n] of n rows of one view under a model, differentiable and not yet weighted."""
ForgetLoss = Callable[[AnswerLogits, Sequence[TrainingRow]], Tensor]
"""The losses [n] of n rows to forget from the logits at their answers. The alternatives of those that have one come
after them, as rows n and on."""


def answer_losses(lm: LanguageModel, model: Any, rows: Sequence[TrainingRow]) -> Tensor:
    """Loss [n] of each row, the mean over its answer tokens: KL to its teacher, or cross-entropy on the answer."""
    out = answer_logits(model, lm.to_batch([row.encoded for row in rows]))
    return losses_from_logits(out, rows)


def losses_from_logits(out: AnswerLogits, rows: Sequence[TrainingRow]) -> Tensor:
    """`answer_losses` from logits already computed."""
    device = out.logits.device
    has_teacher = torch.tensor([row.teacher is not None for row in rows], device=device)[out.rows]
    values = torch.zeros(len(out.rows), device=device)
    teachers = [row.teacher for row in rows if row.teacher is not None]
    if teachers:
        values = values.masked_scatter(
            has_teacher, kl_divergence(out.logits[has_teacher], join_teachers(teachers, device))
        )
    if len(teachers) < len(rows):
        values = values.masked_scatter(~has_teacher, cross_entropy(out.logits[~has_teacher], out.targets[~has_teacher]))
    return row_means(values, out.rows, len(rows))


def forgetting_loss(forget: ForgetLoss) -> RowLoss:
    """A loss that applies `forget` to rows to forget and `answer_losses` to all others, in one forward pass."""

    def losses(lm: LanguageModel, model: Any, rows: Sequence[TrainingRow]) -> Tensor:
        with_alternative = [n for n, row in enumerate(rows) if row.alternative is not None]
        encoded = [*(row.encoded for row in rows), *(row.alternative for row in rows if row.alternative is not None)]
        out = answer_logits(model, lm.to_batch(encoded))
        forget_rows = [n for n, row in enumerate(rows) if row.kind == "forget"]
        retain_rows = [n for n, row in enumerate(rows) if row.kind != "forget"]
        total = torch.zeros(len(rows), device=lm.device)
        if forget_rows:
            alternatives = [len(rows) + with_alternative.index(n) for n in forget_rows if n in with_alternative]
            values = forget(_select_rows(out, [*forget_rows, *alternatives]), [rows[n] for n in forget_rows])
            total = total.index_add(0, torch.tensor(forget_rows, device=lm.device), values)
        if retain_rows:
            values = losses_from_logits(_select_rows(out, retain_rows), [rows[n] for n in retain_rows])
            total = total.index_add(0, torch.tensor(retain_rows, device=lm.device), values)
        return total

    return losses


def _select_rows(out: AnswerLogits, rows: Sequence[int]) -> AnswerLogits:
    """The logits of some rows, renumbered in the order given."""
    place = torch.full((int(out.rows.max()) + 1,), -1, device=out.rows.device)
    place[torch.tensor(rows, device=place.device)] = torch.arange(len(rows), device=place.device)
    chosen = place[out.rows] >= 0
    return AnswerLogits(out.logits[chosen], out.targets[chosen], place[out.rows[chosen]])


def answer_log_probs(out: AnswerLogits, count: int) -> Tensor:
    """Log p(answer) of each row [count], summed over the answer's tokens."""
    total = torch.zeros(count, device=out.logits.device)
    return total.index_add(0, out.rows, -cross_entropy(out.logits, out.targets))


def mean_answer_losses(out: AnswerLogits, count: int) -> Tensor:
    """-log p(answer) / |answer| of each row [count]."""
    return row_means(cross_entropy(out.logits, out.targets), out.rows, count)
