"""What the probes are given: a patched model, what it is compared with, and questions that no job has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from core.unlearning.bench.memory.records import Record
from core.unlearning.families.mllm.evaluation.probes import FORGET_MEMORY, non_members
from core.unlearning.families.mllm.evaluation.robustness import CAP
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.refusals import is_refusal
from core.unlearning.types import Example, Split

T = TypeVar("T")


@dataclass(frozen=True)
class Robust:
    """`patched`: the patch merged into its weights. Every probe leaves every model as it was, bit by bit."""

    patched: MultimodalLM
    base: MultimodalLM
    """As it was before."""
    oracle: MultimodalLM | None
    """One that never learned the forgotten people."""
    forgotten: tuple[Example, ...]
    """Of the splits `forget_...`."""
    kept: tuple[Example, ...]
    """What the base knows of other people: `retain_..._memory`, `unseen_..._memory`."""
    strangers: tuple[Example, ...]
    """Private questions about people whom no model has learned: `declined`."""
    seed: int = 0
    found: tuple[Record, ...] = ()
    """What an earlier `run` found, of the same base, oracle, questions and seed: these two are not measured again."""
    outsiders: tuple[Example, ...] = ()
    """Facts about people of whom no model was told; none where such are not known."""

    @property
    def facts(self) -> list[Example]:
        """Forgotten private questions that have an answer, of each view `CAP` at most."""
        return [e for split in FORGET_MEMORY for e in some(known(self.forgotten, split))]


def robust(
    patched: MultimodalLM,
    base: MultimodalLM,
    oracle: MultimodalLM | None,
    examples: Sequence[Example],
    seed: int = 0,
    found: Sequence[Record] = (),
    outsiders: Sequence[Example] = (),
) -> Robust:
    """A context from the examples of all splits, and what is true of people of whom no model was told."""
    forgotten = tuple(e for e in examples if e.split.startswith("forget_"))
    kept = tuple(e for e in examples if e.split.startswith(("retain_", "unseen_")) and e.split.endswith("_memory"))
    strangers = tuple(e for e in examples if e.split == "declined")
    return Robust(patched, base, oracle, forgotten, kept, strangers, seed, tuple(found), tuple(outsiders))


def known(examples: Sequence[Example], split: str) -> list[Example]:
    """Those of a split that have an answer."""
    return [e for e in examples if e.split == split and not is_refusal(e.answer)]


def some(given: Sequence[T], count: int = CAP) -> list[T]:
    """At most so many, at even distances."""
    return list(given[:: max(1, -(-len(given) // count))])


def never_told(context: Robust, split: str) -> list[Example]:
    """Facts like those of a forget split of which the model was never told: of outsiders, or else strangers' questions
    with answers that others gave to them.
    """
    of_view = [e for e in context.outsiders if (e.image is None) == (split == "forget_text_memory")]
    return of_view or non_members([*context.facts, *context.kept, *context.strangers], cast(Split, split))
