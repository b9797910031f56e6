"""Every way of asking, and the worst of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

from core.unlearning.bench.memory.attacks import conversations, leakage, paraphrases, pictures, pressure
from core.unlearning.bench.memory.attacks.attack import Asked, Asking, asked, brought_out, recalls
from core.unlearning.bench.memory.attacks.context import Robust
from core.unlearning.bench.memory.records import OVERALL, Record
from core.unlearning.families.mllm.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.progress import Progress

FAMILIES: tuple[Callable[[Robust], Iterator[Asking]], ...] = (
    paraphrases.askings,
    pictures.askings,
    leakage.askings,
    pressure.askings,
    conversations.askings,
)
"""Each is one step of progress."""
WORST, ANY = "worst_attack", "any_attack"


def records(lm: MultimodalLM, context: Robust, progress: Progress) -> list[Record]:
    """The recall of each attack; the largest of them; and the share of facts that any of them brings out."""
    found: list[Asked] = []
    for askings in FAMILIES:
        found += [asked(asking, lm) for asking in askings(context)]
        progress.step()
    each = list(recalls(found))
    return [*each, *_worst(each), *_any(found)]


def _worst(each: Sequence[Record]) -> Iterator[Record]:
    """By view, and of both views the worse."""
    for split, among in [*((split, [r for r in each if r.split == split]) for split in FORGET_MEMORY), (OVERALL, each)]:
        if among:
            most = max(among, key=lambda record: record.value)
            yield Record(split, WORST, most.value, most.count)


def _any(found: Sequence[Asked]) -> Iterator[Record]:
    """`count` here is a number of facts."""
    views = {split: brought_out(found, split) for split in FORGET_MEMORY}
    for split, told in [*views.items(), (OVERALL, [one for view in views.values() for one in view])]:
        if told:
            yield Record(split, ANY, fmean(told), len(told))
