"""`kl-minimisation`: -L(S_F) + a KL(p_frozen || p_trained), of each kept answer the mean over its tokens."""

from __future__ import annotations

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import forgetting_loss
from core.unlearning.families.language.training.rows import answer_rows
from core.unlearning.methods.kl_minimisation.config import Options
from core.unlearning.methods.shared.ascent import ascent
from core.unlearning.methods.shared.lora_forgetting import (
    LoraForgetting,
    LoraTask,
    forget_examples,
    retain_distribution_rows,
)
from core.unlearning.types import JobData


class KlMinimisation(LoraForgetting):
    """The baseline `kl-minimisation`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:  # noqa: ARG002 (nothing to choose)
        """See `LoraForgetting.task`."""
        return LoraTask(
            answer_rows(lm, forget_examples(data)), forgetting_loss(ascent), retain_distribution_rows(lm, data)
        )


METHOD = KlMinimisation()
