"""`undial`: the model's own distributions, with less of the forgotten answers' tokens, are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from core.unlearning.families.language.model.logits import AnswerLogits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.losses import row_means
from core.unlearning.families.language.training.row_losses import forgetting_loss
from core.unlearning.families.language.training.rows import TrainingRow, answer_rows
from core.unlearning.families.language.training.teacher import join_teachers, teacher_distributions
from core.unlearning.methods.shared.lora_forgetting import LoraForgetting, LoraTask, forget_examples, retain_answer_rows
from core.unlearning.methods.undial.config import Options
from core.unlearning.methods.undial.losses import soft_cross_entropy
from core.unlearning.types import JobData


class Undial(LoraForgetting):
    """The baseline `undial`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:
        """See `LoraForgetting.task`."""

        def loss(out: AnswerLogits, rows: Sequence[TrainingRow]) -> Tensor:
            teachers = join_teachers([row.teacher for row in rows if row.teacher is not None], out.logits.device)
            return row_means(soft_cross_entropy(out.logits, teachers), out.rows, len(rows))

        rows = answer_rows(lm, forget_examples(data))
        teachers = teacher_distributions(lm, [row.encoded for row in rows], less=options.beta)
        rows = [replace(row, teacher=soft) for row, soft in zip(rows, teachers, strict=True)]
        return LoraTask(rows, forgetting_loss(loss), retain_answer_rows(lm, data))


METHOD = Undial()
