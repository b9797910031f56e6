"""Attacks by changed pictures: cropped, blurred, rotated or compressed."""

from __future__ import annotations

from collections.abc import Iterator

from core.unlearning.bench.memory.attacks.attack import Attack, prompt_attack
from core.unlearning.bench.memory.attacks.context import AttackContext
from core.unlearning.families.language.evaluation.picture_changes import CHANGES, apply_change


def attacks(context: AttackContext) -> Iterator[Attack]:
    """One for each of the family's picture changes."""
    for change in CHANGES:
        yield prompt_attack(change, apply_change(context.facts, change, context.seed))
