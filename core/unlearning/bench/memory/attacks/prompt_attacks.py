"""Every attack by prompts, and the worst of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from core.unlearning.bench.memory.attacks import conversations, leakage, paraphrases, pictures, pressure
from core.unlearning.bench.memory.attacks.attack import (
    Attack,
    AttackResult,
    recall_records,
    recalled_facts,
    run_attack,
)
from core.unlearning.bench.memory.attacks.context import AttackContext
from core.unlearning.bench.memory.records import OVERALL, Record
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.progress import Progress

ATTACK_GROUPS: tuple[Callable[[AttackContext], Iterator[Attack]], ...] = (
    paraphrases.attacks,
    pictures.attacks,
    leakage.attacks,
    pressure.attacks,
    conversations.attacks,
)
"""Each is one step of progress."""
WORST, ANY = "worst_attack", "any_attack"


def records(lm: LanguageModel, context: AttackContext, progress: Progress) -> list[Record]:
    """The recall of each attack, the largest of them, and the share of facts that at least one attack recovers."""
    results: list[AttackResult] = []
    for group in ATTACK_GROUPS:
        results += [run_attack(attack, lm) for attack in group(context)]
        progress.step()
    each = list(recall_records(results))
    return [*each, *_worst(each), *_any(results)]


def _worst(each: Sequence[Record]) -> Iterator[Record]:
    """The largest recall by view, and of both views together."""
    for split, among in [*((split, [r for r in each if r.split == split]) for split in FORGET_MEMORY), (OVERALL, each)]:
        if among:
            worst = max(among, key=lambda record: record.value)
            yield Record(split, WORST, worst.value, worst.count)


def _any(results: Sequence[AttackResult]) -> Iterator[Record]:
    """`count` is a number of facts here."""
    views = {split: recalled_facts(results, split) for split in FORGET_MEMORY}
    for split, recalled in [*views.items(), (OVERALL, [fact for view in views.values() for fact in view])]:
        if recalled:
            yield Record(split, ANY, fmean(recalled), len(recalled))
