"""The losses of a forgetting adapter, by row.

Erasure: the log-probability of a forgotten answer is lowered to its control level and no further. Gradient ascent and
its relatives push it below, which makes the answer conspicuous by how unlikely it is.

Against over-refusal: one retained answer lost entirely counts more than many answers that are slightly off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.row_losses import RowLoss, answer_log_probs, losses_from_logits
from core.unlearning.families.language.training.rows import TrainingRow


def excess(log_probs: Tensor, ceilings: Tensor) -> Tensor:
    """max(0, log p(answer) - ceiling) [rows], in nats."""
    return (log_probs - ceilings).relu()


def focused(losses: Tensor, focus: float) -> Tensor:
    """L + focus L^2 [rows]: the gradient of a row grows with its loss."""
    return losses * (1 + focus * losses)


def sculpting_loss(focus: float) -> RowLoss:
    """`answer_losses`, `focused` on retain rows; for a row with a ceiling, its `excess`."""

    def losses(lm: LanguageModel, model: Any, rows: Sequence[TrainingRow]) -> Tensor:
        out = answer_logits(model, lm.to_batch([row.encoded for row in rows]))
        ceilings = torch.tensor([math.inf if row.ceiling is None else row.ceiling for row in rows], device=lm.device)
        retained = torch.tensor([row.kind != "forget" for row in rows], device=lm.device)
        plain = losses_from_logits(out, rows)
        weighted = torch.where(retained, focused(plain, focus), plain)
        return torch.where(ceilings.isinf(), weighted, excess(answer_log_probs(out, len(rows)), ceilings))

    return losses
