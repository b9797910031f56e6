"""`npo`: the forgotten answers are made less likely than the frozen model has them, and the kept are learned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from core.unlearning.families.language.model.logits import AnswerLogits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import answer_log_probs, forgetting_loss
from core.unlearning.families.language.training.rows import TrainingRow, answer_rows, with_reference
from core.unlearning.methods.npo.config import Options
from core.unlearning.methods.npo.losses import npo
from core.unlearning.methods.shared.lora_forgetting import LoraForgetting, LoraTask, forget_examples, retain_answer_rows
from core.unlearning.types import JobData


class Npo(LoraForgetting):
    """The baseline `npo`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:
        """See `LoraForgetting.task`."""

        def loss(out: AnswerLogits, rows: Sequence[TrainingRow]) -> Tensor:
            reference = torch.tensor([row.reference for row in rows], device=out.logits.device)
            return npo(answer_log_probs(out, len(rows)), reference, options.beta)

        rows = with_reference(lm, answer_rows(lm, forget_examples(data)))
        return LoraTask(rows, forgetting_loss(loss), retain_answer_rows(lm, data))


METHOD = Npo()
