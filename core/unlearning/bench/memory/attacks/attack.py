"""An attack: one way of asking for the forgotten facts. Its result: which of the answers the model gave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.unlearning.bench.memory.records import Record
from core.unlearning.families.language.evaluation.metrics.exact import exact_recall, normalise
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY
from core.unlearning.families.language.model.generate import Conversation, converse
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.types import Example


@dataclass(frozen=True)
class Attack:
    """`examples`: the answers, and the split of each fact; `generate`: one output for each example."""

    name: str
    examples: tuple[Example, ...]
    generate: Callable[[LanguageModel], list[str]]


@dataclass(frozen=True)
class AttackResult:
    """`recalled`: for each example, whether the output holds its answer."""

    name: str
    examples: tuple[Example, ...]
    recalled: tuple[bool, ...]

    def of_split(self, split: str) -> list[bool]:
        """The entries of one split."""
        return [recalled for e, recalled in zip(self.examples, self.recalled, strict=True) if e.split == split]


def prompt_attack(name: str, examples: Iterable[Example]) -> Attack:
    """Asks each example's question as it stands."""
    prompts = tuple(examples)
    return Attack(name, prompts, lambda lm: lm.generate(prompts))


def conversation_attack(name: str, examples: Sequence[Example], conversations: Sequence[Conversation]) -> Attack:
    """Asks for each example in the conversation at the same index."""
    return Attack(name, tuple(examples), lambda lm: converse(lm, conversations))


def run_attack(attack: Attack, lm: LanguageModel) -> AttackResult:
    """Generate, and search the outputs for the answers."""
    outputs = attack.generate(lm) if attack.examples else []
    recalled = (exact_recall(output, e.answer) for output, e in zip(outputs, attack.examples, strict=True))
    return AttackResult(attack.name, attack.examples, tuple(recalled))


def recall_records(results: Iterable[AttackResult]) -> Iterator[Record]:
    """The share of answers that each attack recovers, by split."""
    for result in results:
        for split in FORGET_MEMORY:
            if recalled := result.of_split(split):
                yield Record(split, f"attack_{result.name}", fmean(recalled), len(recalled))


def recalled_facts(results: Iterable[AttackResult], split: str) -> list[bool]:
    """For each fact of a split, whether any of the attacks recovers it."""
    facts: dict[tuple[str | None, str], bool] = {}
    for result in results:
        for e, recalled in zip(result.examples, result.recalled, strict=True):
            if e.split == split:
                fact = (e.subject, normalise(e.answer))
                facts[fact] = recalled or facts.get(fact, False)
    return list(facts.values())
