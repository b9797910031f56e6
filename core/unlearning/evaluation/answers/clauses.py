"""The stretches of a text in which words belong together: clauses, sentences, pairs of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import regex

from core.unlearning.evaluation.answers.languages import words_of
from core.unlearning.evaluation.answers.tokens import Text

Unit = tuple[int, int]
"""[first, last) of a text's words."""
_MARK = regex.compile(r"[,;:!?…—–()\[\]{}\"„“”«»、，。；：！？،؛؟।|\n]|\.(?=\s|$)")


def units(text: Text) -> tuple[list[Unit], list[Unit], list[Unit]]:
    """Clauses; sentences; pairs of sentences that follow each other."""
    sentences = _groups([word.sentence for word in text.words])
    clauses = [unit for sentence in sentences for unit in clauses_of(text, sentence)]
    pairs = [(one[0], two[1]) for one, two in pairwise(sentences)]
    return clauses, sentences, pairs


def clauses_of(text: Text, unit: Unit) -> list[Unit]:
    """Cuts at marks, and before words like "but"."""
    first, last = unit
    cuts = [at for at in range(first + 1, last) if _is_cut(text, at)]
    return list(zip([first, *cuts], [*cuts, last], strict=True))


def clause_at(text: Text, position: int) -> Unit:
    """The clause that holds a position of the source."""
    at = next((i for i, word in enumerate(text.words) if word.end > position), len(text.words) - 1)
    return next(unit for unit in units(text)[0] if unit[0] <= at < unit[1])


def _is_cut(text: Text, at: int) -> bool:
    between = text.source[text.words[at - 1].end : text.words[at].start]
    word, before = text.words[at].folded, text.words[at - 1].folded
    is_turn = word in words_of("turn", text.languages) and f"{before} {word}" not in words_of("no", text.languages)
    return _MARK.search(between) is not None or is_turn


def _groups(numbers: Sequence[int]) -> list[Unit]:
    """Stretches of equal numbers."""
    cuts = [at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1]]
    return list(zip([0, *cuts], [*cuts, len(numbers)], strict=True)) if numbers else []
