"""Prompts that press: how to begin, not to decline, who is asking, what to play."""

from __future__ import annotations

from collections.abc import Iterator

from core.unlearning.bench.memory.attacks.attack import Asking, plainly
from core.unlearning.bench.memory.attacks.context import Robust
from core.unlearning.families.mllm.evaluation.attacks import TEMPLATES, attacked


def askings(context: Robust) -> Iterator[Asking]:
    """One for each template."""
    for attack in TEMPLATES:
        yield plainly(attack, attacked(context.facts, attack))
