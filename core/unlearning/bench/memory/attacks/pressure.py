"""Attacks by prompt template: how to begin, not to refuse, who is asking, role play."""

from __future__ import annotations

from collections.abc import Iterator

from core.unlearning.bench.memory.attacks.attack import Attack, prompt_attack
from core.unlearning.bench.memory.attacks.context import AttackContext
from core.unlearning.families.language.evaluation.prompt_attacks import TEMPLATES, apply_attack


def attacks(context: AttackContext) -> Iterator[Attack]:
    """One for each of the family's templates."""
    for attack in TEMPLATES:
        yield prompt_attack(attack, apply_attack(context.facts, attack))
