"""Whether one can still tell that the model was trained on the forgotten facts."""

from __future__ import annotations

from collections.abc import Sequence

from core.unlearning.bench.memory.attacks.context import Robust, never_told
from core.unlearning.bench.memory.records import Record
from core.unlearning.evaluation.text_membership import TokenScores, told
from core.unlearning.families.mllm.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.model.score import token_scores
from core.unlearning.progress import Progress
from core.unlearning.types import Example


def records(lm: MultimodalLM, context: Robust, progress: Progress) -> list[Record]:
    """By view and attack: the AUC with its 95 % interval, and the true positives at 1 % false ones.

    The attack by reference takes the oracle for its reference, and says nothing of the oracle itself.
    """
    found: list[Record] = []
    for split in FORGET_MEMORY:
        members = [e for e in context.facts if e.split == split]
        found += _view(lm, context, split, members, never_told(context, split))
    progress.step()
    return found


def _view(
    lm: MultimodalLM, context: Robust, split: str, members: Sequence[Example], others: Sequence[Example]
) -> list[Record]:
    oracle = context.oracle if context.oracle is not lm else None
    beside = None if oracle is None else _both(oracle, members, others)
    attacks = told(*_both(lm, members, others), beside, seed=context.seed)
    return [
        Record(split, f"membership_{name}{what}", number, one.membership.members)
        for name, one in attacks.items()
        for what, number in (
            ("_auc", one.membership.auc),
            ("_low", one.membership.low),
            ("_high", one.membership.high),
            ("_tpr", one.true_positives),
        )
    ]


def _both(
    lm: MultimodalLM, members: Sequence[Example], others: Sequence[Example]
) -> tuple[Sequence[TokenScores], Sequence[TokenScores]]:
    return token_scores(lm, members), token_scores(lm, others)
