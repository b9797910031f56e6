"""`idk`: L(S_idk) + a L(S_R), S_idk being the forgotten questions with a refusal drawn for each."""

from __future__ import annotations

from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.training.row_losses import answer_losses
from core.unlearning.families.mllm.training.rows import refusal_rows
from core.unlearning.methods.idk.config import Options
from core.unlearning.methods.shared.lora_forgetting import Lesson, LoraForgetting, kept_answers, refusals_for, to_forget
from core.unlearning.types import JobData


class Idk(LoraForgetting):
    """The baseline `idk`."""

    def teach(self, lm: MultimodalLM, data: JobData, options: Options) -> Lesson:
        """See `LoraForgetting.teach`."""
        rows = refusal_rows(lm, to_forget(data), refusals_for(lm, data, options.seed))
        return Lesson(rows, answer_losses, kept_answers(lm, data))


METHOD = Idk()
