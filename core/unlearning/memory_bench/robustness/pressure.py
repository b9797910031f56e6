"""Prompts that press: how to begin, not to decline, who is asking, what to play."""

from __future__ import annotations

from collections.abc import Iterator

from core.unlearning.families.mllm.evaluation.attacks import TEMPLATES, attacked
from core.unlearning.memory_bench.robustness.asking import Asking, plainly
from core.unlearning.memory_bench.robustness.context import Robust


def askings(context: Robust) -> Iterator[Asking]:
    """One for each template."""
    for attack in TEMPLATES:
        yield plainly(attack, attacked(context.facts, attack))
