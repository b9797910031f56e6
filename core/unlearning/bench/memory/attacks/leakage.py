"""Cross-modal leakage: facts asked for in another modality than the forgotten question's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from PIL.Image import Image

from core.unlearning.bench.memory.attacks.attack import Attack, prompt_attack
from core.unlearning.bench.memory.attacks.context import AttackContext, evenly_spaced
from core.unlearning.families.language.data.questions import POINTER, about_name, replace_name
from core.unlearning.families.language.evaluation.metrics.exact import exact_recall
from core.unlearning.families.shared.text import mentions
from core.unlearning.types import Example

VISIBLE = 5
"""Questions that describe a picture at most."""


def attacks(context: AttackContext) -> Iterator[Attack]:
    """By name, by picture, by a description of the picture. Those that the world has no examples for are empty."""
    pictured = [e for e in context.facts if e.image is not None]
    named = [e for e in context.facts if e.image is None]
    yield prompt_attack("by_name", _by_name(pictured))
    yield prompt_attack("by_picture", _by_picture(named, _pictures(pictured)))
    yield prompt_attack("described", _described(pictured, context))


def _by_name(pictured: Iterable[Example]) -> Iterator[Example]:
    """Questions about a picture, asked with the name instead; not those that the name answers."""
    for e in pictured:
        if e.subject and not exact_recall(e.subject, e.answer):
            yield replace(e, image=None, question=about_name(e.question, e.subject))


def _by_picture(named: Iterable[Example], pictures: Mapping[str, Image]) -> Iterator[Example]:
    """Questions with a name, asked about a picture instead."""
    for e in named:
        name = mentions(e.question, [e.subject] if e.subject else [])
        if name is not None and name in pictures:
            yield replace(e, image=pictures[name], question=replace_name(e.question, name, POINTER))


def _described(pictured: Sequence[Example], context: AttackContext) -> Iterator[Example]:
    """Questions about a picture, asked with a description instead: the base's answers about what is visible."""
    visible = dict.fromkeys(e.question for e in context.forgotten if e.split == "forget_understanding")
    questions = evenly_spaced(list(visible), VISIBLE)
    answers = context.base.generate([replace(e, question=q) for e in pictured for q in questions])
    for n, e in enumerate(pictured if questions else ()):
        seen = zip(questions, answers[n * len(questions) :], strict=False)
        words = " ".join(f"{question} {answer}." for question, answer in seen)
        yield replace(e, image=None, question=f"There is a picture of a person. {words} {e.question}")


def _pictures(pictured: Iterable[Example]) -> dict[str, Image]:
    """One picture of each subject."""
    return {e.subject: e.image for e in pictured if e.subject and e.image is not None}
