"""`gradient-ascent`: -L(S_F)."""

from __future__ import annotations

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import forgetting_loss
from core.unlearning.families.language.training.rows import answer_rows
from core.unlearning.methods.gradient_ascent.config import Options
from core.unlearning.methods.shared.ascent import ascent
from core.unlearning.methods.shared.lora_forgetting import LoraForgetting, LoraTask, forget_examples
from core.unlearning.types import JobData


class GradientAscent(LoraForgetting):
    """The baseline `gradient-ascent`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:  # noqa: ARG002 (nothing to choose)
        """See `LoraForgetting.task`."""
        return LoraTask(answer_rows(lm, forget_examples(data)), forgetting_loss(ascent))


METHOD = GradientAscent()
