"""`idk`: L(S_idk) + a L(S_R), S_idk being the forgotten questions with a refusal drawn for each."""

from __future__ import annotations

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import answer_losses
from core.unlearning.families.language.training.rows import refusal_rows
from core.unlearning.methods.idk.config import Options
from core.unlearning.methods.shared.lora_forgetting import (
    LoraForgetting,
    LoraTask,
    forget_examples,
    refusals_for,
    retain_answer_rows,
)
from core.unlearning.types import JobData


class Idk(LoraForgetting):
    """The baseline `idk`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:
        """See `LoraForgetting.task`."""
        rows = refusal_rows(lm, forget_examples(data), refusals_for(lm, data, options.seed))
        return LoraTask(rows, answer_losses, retain_answer_rows(lm, data))


METHOD = Idk()
