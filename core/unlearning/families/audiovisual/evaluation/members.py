"""Membership inference on the forgotten pictures, from the visual logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.unlearning.evaluation.attacks import Predictions, StrongestAttack, log_probability, strongest_attack
from core.unlearning.evaluation.membership import Membership, membership, true_positive_rate
from core.unlearning.families.audiovisual.evaluation.numbers import visual_predictions
from core.unlearning.families.audiovisual.evaluation.results import Outputs
from core.unlearning.types import Split

ENOUGH = 20
"""Held-out pictures of the same subject or class; with fewer, others of the same labels take their place."""


@dataclass(frozen=True)
class AttackResult:
    """`plain`: by the loss; `worst`: by the strongest of several attacks; `non_members`: the split that they are of."""

    plain: Membership
    tpr: float
    strongest: StrongestAttack
    non_members: Split

    def details(self) -> Mapping[str, Any]:
        """What a report says beside the numbers."""
        interval = (self.plain.low, self.plain.high)
        return {"interval": interval, "attack": self.strongest.attack, "non_members": self.non_members}


def attack_membership(outputs: Mapping[Split, Outputs], seed: int) -> AttackResult | None:
    """Members are the forgotten training examples; None where there are too few on either side."""
    members = visual_predictions(outputs.get("forget_examples"))
    if members is None:
        return None
    others, split = _non_members(outputs, members)
    if others is None:
        return None
    scores = log_probability(members).tolist(), log_probability(others).tolist()
    plain, strongest = membership(*scores, seed=seed), strongest_attack(members, others, seed=seed)
    if plain is None or strongest is None:
        return None
    return AttackResult(plain, true_positive_rate(*scores), strongest, split)


def _non_members(outputs: Mapping[Split, Outputs], members: Predictions) -> tuple[Predictions | None, Split]:
    same, others = visual_predictions(outputs.get("forget_held_out")), visual_predictions(outputs.get("held_out"))
    if same is not None and len(same.labels) >= ENOUGH:
        return same, "forget_held_out"
    alike = None if others is None else np.isin(others.labels, members.labels)
    if others is None or alike is None or alike.sum() < ENOUGH:
        return same, "forget_held_out"
    return Predictions(others.logits[alike], others.labels[alike]), "held_out"
