"""`retain-only`: L(S_R), so that one sees what training alone makes a model forget."""

from __future__ import annotations

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import answer_losses
from core.unlearning.methods.retain_only.config import Options
from core.unlearning.methods.shared.lora_forgetting import LoraForgetting, LoraTask, retain_answer_rows
from core.unlearning.types import JobData


class RetainOnly(LoraForgetting):
    """The control `retain-only`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:  # noqa: ARG002 (nothing to choose)
        """See `LoraForgetting.task`."""
        return LoraTask(retain_answer_rows(lm, data), answer_losses)


METHOD = RetainOnly()
