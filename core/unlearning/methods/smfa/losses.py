"""What a forgetting adapter is held to, row by row.

Erasure: a forgotten answer may not stay likelier than it is of a stranger. Pushing it further down, as gradient ascent
and its kin do, would make it conspicuous by how unlikely it is.

Against over-refusal: a kept answer that is lost counts more than many which are a little off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from core.unlearning.families.mllm.model.logits import answer_logits
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.training.row_losses import RowLoss, answer_log_probs, losses_from_logits
from core.unlearning.families.mllm.training.rows import TrainingRow


def excess(log_probs: Tensor, ceilings: Tensor) -> Tensor:
    """max(0, log p(answer) - ceiling), in nats, for each row."""
    return (log_probs - ceilings).relu()


def focused(losses: Tensor, focus: float) -> Tensor:
    """L + focus L^2, for each row: its slope grows with the loss."""
    return losses * (1 + focus * losses)


def sculpting(focus: float) -> RowLoss:
    """`answer_losses`, `focused` where a row is kept; of a row with a ceiling, its excess."""

    def losses(lm: MultimodalLM, model: Any, rows: Sequence[TrainingRow]) -> Tensor:
        out = answer_logits(model, lm.to_batch([row.encoded for row in rows]))
        ceilings = torch.tensor([math.inf if row.ceiling is None else row.ceiling for row in rows], device=lm.device)
        kept = torch.tensor([row.kind != "forget" for row in rows], device=lm.device)
        found = losses_from_logits(out, rows)
        found = torch.where(kept, focused(found, focus), found)
        return torch.where(ceilings.isinf(), found, excess(answer_log_probs(out, len(rows)), ceilings))

    return losses
