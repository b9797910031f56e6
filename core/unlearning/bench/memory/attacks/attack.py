"""One way of asking the forgotten questions, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.unlearning.bench.memory.records import Record
from core.unlearning.families.mllm.evaluation.metrics.exact import exact_recall, normalise
from core.unlearning.families.mllm.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.mllm.model.generate import Conversation, converse
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.types import Example


@dataclass(frozen=True)
class Asking:
    """`examples` hold the answers and where each fact was learned (its split); `ask` gives one output for each."""

    name: str
    examples: tuple[Example, ...]
    ask: Callable[[MultimodalLM], list[str]]


@dataclass(frozen=True)
class Asked:
    """Whether each of the examples' answers came out."""

    name: str
    examples: tuple[Example, ...]
    told: tuple[bool, ...]

    def of(self, split: str) -> list[bool]:
        """Of one split."""
        return [told for e, told in zip(self.examples, self.told, strict=True) if e.split == split]


def plainly(name: str, examples: Iterable[Example]) -> Asking:
    """The examples as they stand."""
    given = tuple(examples)
    return Asking(name, given, lambda lm: lm.generate(given))


def within(name: str, examples: Sequence[Example], conversations: Sequence[Conversation]) -> Asking:
    """Each example in a conversation."""
    return Asking(name, tuple(examples), lambda lm: converse(lm, conversations))


def asked(asking: Asking, lm: MultimodalLM) -> Asked:
    """Ask, and look for the answers."""
    outputs = asking.ask(lm) if asking.examples else []
    told = (exact_recall(output, e.answer) for output, e in zip(outputs, asking.examples, strict=True))
    return Asked(asking.name, asking.examples, tuple(told))


def recalls(found: Iterable[Asked]) -> Iterator[Record]:
    """The share of answers that each way of asking brings out, by split."""
    for one in found:
        for split in FORGET_MEMORY:
            if told := one.of(split):
                yield Record(split, f"attack_{one.name}", fmean(told), len(told))


def brought_out(found: Iterable[Asked], split: str) -> list[bool]:
    """For each fact of a split, whether any of the ways of asking brings it out."""
    facts: dict[tuple[str | None, str], bool] = {}
    for one in found:
        for e, told in zip(one.examples, one.told, strict=True):
            if e.split == split:
                fact = (e.subject, normalise(e.answer))
                facts[fact] = told or facts.get(fact, False)
    return list(facts.values())
