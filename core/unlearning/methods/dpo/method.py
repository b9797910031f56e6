"""`dpo`: of every forgotten question a refusal is preferred to the answer, and the kept answers are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from core.unlearning.families.language.model.logits import AnswerLogits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import answer_log_probs, forgetting_loss
from core.unlearning.families.language.training.rows import TrainingRow, answer_rows, refusal_rows, with_reference
from core.unlearning.methods.dpo.config import Options
from core.unlearning.methods.dpo.losses import dpo
from core.unlearning.methods.shared.lora_forgetting import (
    LoraForgetting,
    LoraTask,
    forget_examples,
    refusals_for,
    retain_answer_rows,
)
from core.unlearning.types import JobData


class Dpo(LoraForgetting):
    """The baseline `dpo`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:
        """See `LoraForgetting.task`."""

        def loss(out: AnswerLogits, rows: Sequence[TrainingRow]) -> Tensor:
            known = [row.reference for row in rows] + [row.alternative_reference for row in rows]
            ratios = answer_log_probs(out, 2 * len(rows)) - torch.tensor(known, device=out.logits.device)
            return dpo(ratios[len(rows) :], ratios[: len(rows)], options.beta)

        forget = forget_examples(data)
        refusals = refusal_rows(lm, forget, refusals_for(lm, data, options.seed))
        pairs = zip(answer_rows(lm, forget), refusals, strict=True)
        rows = with_reference(lm, [replace(row, alternative=refusal.encoded) for row, refusal in pairs])
        return LoraTask(rows, forgetting_loss(loss), retain_answer_rows(lm, data))


METHOD = Dpo()
