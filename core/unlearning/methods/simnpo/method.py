"""`simnpo`: the forgotten answers are made unlikely, each by its length, and the kept are learned."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from core.unlearning.families.language.model.logits import AnswerLogits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import forgetting_loss, mean_answer_losses
from core.unlearning.families.language.training.rows import TrainingRow, answer_rows
from core.unlearning.methods.shared.lora_forgetting import LoraForgetting, LoraTask, forget_examples, retain_answer_rows
from core.unlearning.methods.simnpo.config import Options
from core.unlearning.methods.simnpo.losses import simnpo
from core.unlearning.types import JobData


class SimNpo(LoraForgetting):
    """The baseline `simnpo`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:
        """See `LoraForgetting.task`."""

        def loss(out: AnswerLogits, rows: Sequence[TrainingRow]) -> Tensor:
            return simnpo(mean_answer_losses(out, len(rows)), options.beta, options.gamma)

        return LoraTask(answer_rows(lm, forget_examples(data)), forgetting_loss(loss), retain_answer_rows(lm, data))


METHOD = SimNpo()
