"""What a model makes of each token of given answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from core.unlearning.evaluation.text_membership import TokenScores
from core.unlearning.families.mllm.batching import run_batched
from core.unlearning.families.mllm.score import answer_logits, encode_all

if TYPE_CHECKING:
    from core.unlearning.families.mllm.model import MultimodalLM
    from core.unlearning.types import Example


@torch.no_grad()
def token_scores(lm: MultimodalLM, examples: Sequence[Example]) -> list[TokenScores]:
    """Of each example's own answer, the end of the turn included, in float64."""
    rows = encode_all(lm, examples)

    def run(batch: list[int]) -> list[TokenScores]:
        out = answer_logits(lm.model, lm.batched([rows[i] for i in batch]))
        chosen, mean, deviation = _moments(out.logits.double(), out.targets)
        of = [(out.rows == n).nonzero().squeeze(1) for n in range(len(batch))]
        return [
            TokenScores(examples[i].answer, *(np.asarray(values[at].cpu()) for values in (chosen, mean, deviation)))
            for i, at in zip(batch, of, strict=True)
        ]

    return run_batched(rows, lm.token_budget, run, lm.buckets)


def _moments(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log p of the targets [n], and mean and standard deviation of log p under p, from logits [n, vocabulary]."""
    log_p = logits.log_softmax(-1)
    p = log_p.exp()
    # Tokens that cannot come have a log p of -inf where the model masks them; they weigh nothing.
    finite = log_p.masked_fill(p == 0, 0)
    mean = (p * finite).sum(-1)
    variance = (p * finite**2).sum(-1) - mean**2
    return log_p.gather(1, targets[:, None]).squeeze(1), mean, variance.clamp_min(0).sqrt()
