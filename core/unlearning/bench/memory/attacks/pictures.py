"""The forgotten questions with pictures that were cut, blurred, turned or compressed."""

from __future__ import annotations

from collections.abc import Iterator

from core.unlearning.bench.memory.attacks.attack import Asking, plainly
from core.unlearning.bench.memory.attacks.context import Robust
from core.unlearning.families.mllm.evaluation.pictures import CHANGES, changed


def askings(context: Robust) -> Iterator[Asking]:
    """One for each change."""
    for change in CHANGES:
        yield plainly(change, changed(context.facts, change, context.seed))
