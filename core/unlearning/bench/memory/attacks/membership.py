"""Membership inference: whether the patched model still shows that it was trained on the forgotten facts."""

from __future__ import annotations

from collections.abc import Sequence

from core.unlearning.bench.memory.attacks.context import AttackContext, non_member_facts
from core.unlearning.bench.memory.records import Record
from core.unlearning.evaluation.text_membership import TokenScores, run_attacks
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import token_scores
from core.unlearning.progress import Progress
from core.unlearning.types import Example


def records(lm: LanguageModel, context: AttackContext, progress: Progress) -> list[Record]:
    """By view and attack: the AUC with its 95 % confidence interval, and the true positive rate at 1 % false positives.

    The reference attack takes the oracle as its reference model, so it is not run on the oracle itself.
    """
    measured: list[Record] = []
    for split in FORGET_MEMORY:
        members = [e for e in context.facts if e.split == split]
        measured += _view(lm, context, split, members, non_member_facts(context, split))
    progress.step()
    return measured


def _view(
    lm: LanguageModel, context: AttackContext, split: str, members: Sequence[Example], others: Sequence[Example]
) -> list[Record]:
    oracle = context.oracle if context.oracle is not lm else None
    reference = None if oracle is None else _scores(oracle, members, others)
    attacks = run_attacks(*_scores(lm, members, others), reference, seed=context.seed)
    return [
        Record(split, f"membership_{name}{suffix}", number, attack.membership.members)
        for name, attack in attacks.items()
        for suffix, number in (
            ("_auc", attack.membership.auc),
            ("_low", attack.membership.low),
            ("_high", attack.membership.high),
            ("_tpr", attack.true_positives),
        )
    ]


def _scores(
    lm: LanguageModel, members: Sequence[Example], others: Sequence[Example]
) -> tuple[Sequence[TokenScores], Sequence[TokenScores]]:
    return token_scores(lm, members), token_scores(lm, others)
