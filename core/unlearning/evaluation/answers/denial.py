"""Whether a fact is denied where it stands: "is not a baker", "has never lived in Lima".

A word of denial governs what follows it in its clause (in some languages, what stands before it). It denies nothing in
"not only", where the speaker speaks of what he knows ("I can't say whether she is a baker"), or twice in one clause.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import regex

from core.unlearning.evaluation.answers.clauses import clause_at
from core.unlearning.evaluation.answers.folding import is_unspaced
from core.unlearning.evaluation.answers.languages import no_denials, words_of
from core.unlearning.evaluation.answers.refusals import knowing
from core.unlearning.evaluation.answers.tokens import Span, Text, read

REACH, REACH_BEFORE = 60, 30
"""A word of denial governs so many letters after it, or before it, at most."""


def denies(fact: str) -> bool:
    """Whether a fact has a word of denial itself: "no doors"."""
    text = read(fact)
    return any(word.folded in words_of("no", text.languages) for word in text.words)


def is_denied(text: Text, start: int, end: int) -> bool:
    """Whether what stands at [start, end) of the source is denied."""
    if _is_asked(text, end):
        return False
    exempt = [text.in_source(*match.span()) for match in no_denials().finditer(text.plain)] + knowing(text)
    found = [span for span in _denials(text, start, end) if not any(_overlaps(span, e) for e in exempt)]
    return bool(found) and not _is_denial_of_denial(text, found)


def _is_denial_of_denial(text: Text, found: list[Span]) -> bool:
    """Whether two denials have a "that" between them: "I wouldn't say that she isn't"."""
    that = words_of("that", text.languages)
    first, last = min(found), max(found)
    return any(first[1] <= word.start and word.end <= last[0] and word.folded in that for word in text.words)


def _denials(text: Text, start: int, end: int) -> Iterator[Span]:
    first, last = text.span(*clause_at(text, start))
    for field, near, far in (
        ("no", max(first, start - REACH), end),
        ("no_after", end, min(last, end + REACH_BEFORE)),
    ):
        for match in _pattern(field, text.languages).finditer(text.plain):
            span = text.in_source(*match.span())
            if near <= span[0] and span[1] <= far:
                yield span


@cache
def _pattern(field: str, languages: frozenset[str]) -> regex.Pattern[str]:
    """The words of a list, longest first, whole words where the script has blanks."""
    words = sorted(words_of(field, languages), key=len, reverse=True)
    plain = [regex.escape(word).replace(r"\*", r"\w*") for word in words]
    whole = "|".join(word if is_unspaced(word) else rf"\b{word}\b" for word in plain)
    return regex.compile(whole or r"(?!)")


def _is_asked(text: Text, end: int) -> bool:
    """Whether the sentence is a question: "Isn't that Pavel?" denies nothing."""
    sentence = next((stop for begin, stop in text.sentences if begin < end <= stop), len(text.source))
    return text.source[:sentence].rstrip().endswith(("?", "？", "؟"))


def _overlaps(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
