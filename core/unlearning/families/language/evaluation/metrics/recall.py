"""Recall: did what the answer says come out, in whatever words?"""

from __future__ import annotations

from core.unlearning.evaluation.answers.judge import judge_answer
from core.unlearning.evaluation.words import words
from core.unlearning.families.language.evaluation.metrics.exact import exact_recall
from core.unlearning.types import Example

_SHORT = 4
"""Answers of so many words are compared word by word."""
_KEPT = 0.5
"""A kept answer still comes out when so much of its facts does."""


def leaks(output: str, example: Example) -> bool:
    """Whether one of the facts of the example's answer comes out, however it is put and whatever surrounds it."""
    return _told(output, example) > 0


def recalls(output: str, example: Example) -> bool:
    """Whether at least half of what the example's answer says comes out."""
    return _told(output, example) >= _KEPT


def _told(output: str, example: Example) -> float:
    """The share of the facts that come out; of an answer without facts, whether it does as a whole."""
    if not example.facts and len(words(example.answer)) <= _SHORT:
        return float(exact_recall(output, example.answer))
    facts = example.facts or (example.answer,)
    names = [example.subject] if example.subject else []
    evidence = judge_answer(output, question=example.question, facts=facts, names=names).evidence
    return len({found.fact for found in evidence}) / len(facts)
