"""The same loss in two implementations: `shared` is Lethe's training, `plain` the usual one.

To forget: NPO, -(2/b) log s(-b (log p - log p0)), b = .1. To retain: KL(p0 || p) at the answer's tokens. p0 is the
frozen model. In the plain way each question is a padded sequence with its picture through the vision tower, logits at
every token, and p0 from another forward pass with the adapter disabled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.logits import AnswerLogits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import answer_log_probs, forgetting_loss
from core.unlearning.families.language.training.rows import TrainingRow, with_reference
from core.unlearning.families.language.training.teacher import teacher_distributions
from core.unlearning.methods.npo.losses import npo

BETA = 0.1


class Way(Protocol):
    """Prepares rows once, then computes differentiable losses [n] of some of them."""

    name: ClassVar[str]

    def prepare(self, lm: LanguageModel, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
        """Called once, on the frozen model."""

    def passes(self, rows: Sequence[TrainingRow]) -> list[Sequence[TrainingRow]]:
        """A step's rows split into forward passes."""

    def losses(self, lm: LanguageModel, model: Any, rows: Sequence[TrainingRow]) -> Tensor:
        """The losses of one pass."""

    def tokens(self, lm: LanguageModel, rows: Sequence[TrainingRow]) -> int:
        """Tokens through the language model in one forward pass of these rows, padding included."""


class Shared:
    """The training loop of the methods."""

    name: ClassVar[str] = "shared"

    def prepare(self, lm: LanguageModel, rows: Sequence[TrainingRow]) -> list[TrainingRow]:
        """Add the frozen model's log-probabilities and distributions."""
        forget = iter(with_reference(lm, [row for row in rows if row.kind == "forget"]))
        keep = [row for row in rows if row.kind != "forget"]
        softs = iter(teacher_distributions(lm, [row.encoded for row in keep]))
        return [next(forget) if row.kind == "forget" else replace(row, teacher=next(softs)) for row in rows]

    def passes(self, rows: Sequence[TrainingRow]) -> list[Sequence[TrainingRow]]:
        """One pass."""
        return [rows]

    def losses(self, lm: LanguageModel, model: Any, rows: Sequence[TrainingRow]) -> Tensor:
        """See `Way`."""
        return forgetting_loss(_npo)(lm, model, rows)

    def tokens(self, lm: LanguageModel, rows: Sequence[TrainingRow]) -> int:
        """See `Way`."""
        return int(lm.to_batch([row.encoded for row in rows]).inputs["input_ids"].numel())


def _npo(out: AnswerLogits, rows: Sequence[TrainingRow]) -> Tensor:
    reference = torch.tensor([row.reference for row in rows], device=out.logits.device)
    return npo(answer_log_probs(out, len(rows)), reference, BETA)


@dataclass(frozen=True)
class Plain:
    """Written for this comparison with transformers and PEFT alone. `tokens_at_once`: largest forward pass."""

    tokens_at_once: int
    name: ClassVar[str] = "plain"

    def prepare(self, lm: LanguageModel, rows: Sequence[TrainingRow]) -> list[TrainingRow]:  # noqa: ARG002
        """Nothing to prepare."""
        return list(rows)

    def passes(self, rows: Sequence[TrainingRow]) -> list[Sequence[TrainingRow]]:
        """See `Way`; a pass has at least one row."""
        size = max(1, self.tokens_at_once // max(len(row.encoded) for row in rows))
        return [rows[start : start + size] for start in range(0, len(rows), size)]

    def losses(self, lm: LanguageModel, model: Any, rows: Sequence[TrainingRow]) -> Tensor:
        """See `Way`."""
        inputs, labels = self._padded(lm, [row.encoded for row in rows])
        with torch.no_grad(), model.disable_adapter():
            frozen = model(**inputs, use_cache=False).logits.float().log_softmax(-1)
        logs = model(**inputs, use_cache=False).logits.float().log_softmax(-1)
        losses = []
        for n, row in enumerate(rows):
            at = (labels[n, 1:] >= 0).nonzero().squeeze(1)
            if row.kind == "forget":
                targets = labels[n, 1:][at][:, None]
                ratio = (logs[n, at].gather(1, targets) - frozen[n, at].gather(1, targets)).sum()
                losses.append(-2 / BETA * logsigmoid(-BETA * ratio))
            else:
                losses.append((frozen[n, at].exp() * (frozen[n, at] - logs[n, at])).sum(-1).mean())
        return torch.stack(losses)

    def tokens(self, lm: LanguageModel, rows: Sequence[TrainingRow]) -> int:  # noqa: ARG002
        """See `Way`."""
        return len(rows) * max(len(row.encoded) for row in rows)

    def _padded(self, lm: LanguageModel, rows: Sequence[Encoded]) -> tuple[dict[str, Any], Tensor]:
        inputs = collate(rows, lm.pad_id, lm.device).inputs
        inputs["pixel_values"] = inputs["pixel_values"].to(lm.model.dtype)
        labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
        for n, row in enumerate(rows):
            labels[n, : row.answer_start] = -100
        return inputs, labels
