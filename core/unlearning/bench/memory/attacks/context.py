"""What the attacks and probes get: a patched model, the models to compare it with, and questions no job has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from core.unlearning.bench.memory.records import Record
from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.families.language.evaluation.probes import FORGET_MEMORY, non_members
from core.unlearning.families.language.evaluation.robustness import CAP
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.types import Example, Split

T = TypeVar("T")


@dataclass(frozen=True)
class AttackContext:
    """`patched`: the model with the patch merged into its weights. Every probe leaves every model's weights as they
    were, bit by bit.
    """

    patched: LanguageModel
    base: LanguageModel
    """The model before the patch."""
    oracle: LanguageModel | None
    """A model that never learned the forgotten people."""
    forgotten: tuple[Example, ...]
    """Examples of the splits `forget_...`."""
    other_people: tuple[Example, ...]
    """What the base knows of other people: `retain_..._memory`, `unseen_..._memory`."""
    strangers: tuple[Example, ...]
    """Private questions about people whom no model has learned: `declined`."""
    seed: int = 0
    cached: tuple[Record, ...] = ()
    """Records of base and oracle from an earlier `run` on the same questions and seed: they are not measured again."""
    outsiders: tuple[Example, ...] = ()
    """Facts about people in no model's training data; empty where the world has none."""

    @property
    def facts(self) -> list[Example]:
        """Forgotten private questions that have an answer, at most `CAP` of each view."""
        return [e for split in FORGET_MEMORY for e in evenly_spaced(answerable(self.forgotten, split))]


def attack_context(
    patched: LanguageModel,
    base: LanguageModel,
    oracle: LanguageModel | None,
    examples: Sequence[Example],
    seed: int = 0,
    cached: Sequence[Record] = (),
    outsiders: Sequence[Example] = (),
) -> AttackContext:
    """A context from the examples of all splits."""
    forgotten = tuple(e for e in examples if e.split.startswith("forget_"))
    others = tuple(e for e in examples if e.split.startswith(("retain_", "unseen_")) and e.split.endswith("_memory"))
    strangers = tuple(e for e in examples if e.split == "declined")
    return AttackContext(patched, base, oracle, forgotten, others, strangers, seed, tuple(cached), tuple(outsiders))


def answerable(examples: Sequence[Example], split: str) -> list[Example]:
    """The examples of a split that have an answer."""
    return [e for e in examples if e.split == split and not is_refusal(e.answer)]


def evenly_spaced(items: Sequence[T], count: int = CAP) -> list[T]:
    """At most `count` of the items, at even distances."""
    return list(items[:: max(1, -(-len(items) // count))])


def non_member_facts(context: AttackContext, split: str) -> list[Example]:
    """Facts like those of a forget split that the model was not trained on: outsiders' facts, or else strangers'
    questions with answers that are true of others.
    """
    of_view = [e for e in context.outsiders if (e.image is None) == (split == "forget_text_memory")]
    return of_view or non_members([*context.facts, *context.other_people, *context.strangers], cast(Split, split))
