"""Finds facts in a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from core.unlearning.evaluation.answers.clauses import Unit, units
from core.unlearning.evaluation.answers.dates import date_share
from core.unlearning.evaluation.answers.facts import Fact, Kind, Part
from core.unlearning.evaluation.answers.folding import latin
from core.unlearning.evaluation.answers.inflection import are_halves, begins, is_form, is_same
from core.unlearning.evaluation.answers.languages import words_of
from core.unlearning.evaluation.answers.names import goes_on_otherwise, is_name_at, is_person_at
from core.unlearning.evaluation.answers.numerals import occurrences, times
from core.unlearning.evaluation.answers.numerals import units as units_of_measure
from core.unlearning.evaluation.answers.tokens import Span, Text, read
from core.unlearning.evaluation.answers.transliteration import is_other_script, reads_alike, sounds_alike
from core.unlearning.evaluation.answers.unspaced import find, letters_of

SHARE = 0.5
"""So much of a fact's words, by letters, is the fact."""
BEFORE, BEHIND = 4, 4
"""A number stands so many words before what it counts, or behind it, at most."""
HALVES = 6
"""The halves of a compound stand within so many words: "keeps some of his bees"."""
RUN = 4
"""So many words may be one name, written with blanks or without."""
LONG_NAME = 5
"""Shorter words of another script sound like too many others."""
Places = dict[Part, list[Span]]
"""Where the parts of a fact are, as [first, last) of a text's words."""


@dataclass(frozen=True)
class Found:
    """A fact in a text, at [start, end) of it."""

    fact: Fact
    start: int
    end: int


def search(text: Text, fact: Fact) -> list[Found]:
    """Everywhere where enough of a fact stands in one clause; else in one sentence; else in two."""
    spans = [*_by_letters(text, fact), *_joined_names(text, fact)]
    places = {part: list(_places(text, part, fact)) for part in fact.parts}
    if fact.date is not None or any(places.values()):
        for size in units(text):
            if spans:
                break
            spans = [span for unit in size if (span := _in_unit(text, fact, places, unit))]
    return sorted((Found(fact, *span) for span in set(spans)), key=lambda found: (found.start, found.end))


def parts_in(text: Text, fact: Fact) -> set[Part]:
    """The parts of a fact that a text has anywhere."""
    return {part for part in fact.parts if any(True for _ in _places(text, part, fact))}


def _in_unit(text: Text, fact: Fact, everywhere: Places, unit: Unit) -> Span | None:
    """Where enough of a fact is in a stretch of the text, from its first word to its last."""
    if fact.date is not None:
        share, spans = date_share(Text(text.source, text.words[slice(*unit)], text.sentences), fact.date)
        return _hull(spans) if spans and share >= SHARE else None
    places = {part: [p for p in found if unit[0] <= p[0] and p[1] <= unit[1]] for part, found in everywhere.items()}
    if fact.is_person:
        return next((text.span(*found[0]) for found in places.values() if found), None)
    told = _told(text, fact, places)
    return _hull([text.span(*places[part][0]) for part in told]) if told else None


def _told(text: Text, fact: Fact, places: Places) -> list[Part]:
    """The parts that are there, if they are enough of the fact and its numbers are among them."""
    numbers = [part for part in places if part.kind is Kind.NUMBER and not part.weight]
    others = [part for part in places if part not in numbers]
    told = [part for part in others if places[part]]
    if others and sum(part.weight for part in told) < SHARE * sum(part.weight for part in others):
        return []
    counted = [place for part in told for place in places[part]]
    repeated = times() if times() & {word.folded for word in read(fact.text).words} else frozenset()
    if any(part.kind is Kind.NAME for part in told):
        return told
    is_counted = all(any(_counts(text, n, c, repeated) for n in places[number] for c in counted) for number in numbers)
    return [*told, *numbers] if all(places[number] for number in numbers) and (is_counted or not others) else []


def _counts(text: Text, number: Span, counted: Span, counted_times: frozenset[str]) -> bool:
    """Whether a number stands before what it counts, or behind it and before nothing else: "cats: 7 of them"."""
    if 0 < counted[0] - number[0] <= BEFORE:
        return True
    follower = text.words[number[1]].folded if number[1] < len(text.words) else ""
    is_last = not follower or follower in words_of("light", text.languages) | units_of_measure() | counted_times
    return 0 < number[0] - counted[0] <= BEHIND and is_last


def _hull(spans: Sequence[Span]) -> Span:
    return min(start for start, _ in spans), max(end for _, end in spans)


def _places(text: Text, part: Part, fact: Fact) -> Iterator[Span]:
    """Where a part is, as [first, last) of the text's words."""
    if part.number is not None:
        yield from occurrences(text.words, part.number)
        return
    if part.kind is Kind.WORD or "de" in fact.languages:
        yield from _halves(text, part.text)
    if part.kind is Kind.PERSON:
        here = (at for at in range(len(text.words)) if is_person_at(text, at, part.text))
        yield from ((at, at + 1) for at in here if not goes_on_otherwise(text, at, fact.names))
        return
    is_here = is_name_at if part.kind is Kind.NAME else _is_word
    yield from ((at, at + 1) for at in range(len(text.words)) if is_here(text, at, part.text, fact.languages))


def _halves(text: Text, wanted: str) -> Iterator[Span]:
    """Where a compound stands as two words, in either order."""
    words = [word.text for word in text.words]
    if not any(begins(word, wanted) for word in words):
        return
    for first in range(len(words)):
        for last in range(first + 2, min(first + HALVES, len(words)) + 1):
            one, other = words[first], words[last - 1]
            if are_halves(one, other, wanted) or are_halves(other, one, wanted):
                yield first, last


def _is_word(text: Text, at: int, wanted: str, languages: frozenset[str]) -> bool:
    word = text.words[at].text
    if _is_in_name(text, at) and wanted == wanted.lower():
        return False
    return _is_form(word, wanted, languages)


@lru_cache(maxsize=262144)
def _is_form(word: str, wanted: str, languages: frozenset[str]) -> bool:
    if is_other_script(word, wanted):
        return len(latin(wanted)) >= LONG_NAME and sounds_alike(word, wanted)
    forms = [(given, form) for given in _bare(word) for form in _bare(wanted)]
    return any(is_same(given, form) or is_form(given, form, languages) for given, form in forms)


def _is_in_name(text: Text, at: int) -> bool:
    """Whether a word has a capital letter inside a sentence, beside another that has: "Baker Street"."""
    if not text.is_cased or text.words[at].opens or "de" in text.languages or not text.words[at].is_capitalised:
        return False
    return at + 1 < len(text.words) and text.words[at + 1].is_capitalised and _is_next(text, at)


def _is_next(text: Text, at: int) -> bool:
    return text.source[text.words[at].end : text.words[at + 1].start] == " "


_KANA = regex.compile(r"[\p{Script=Hiragana}\p{Script=Katakana}ー]{3,}")
_CLITICS = tuple(
    regex.compile(rf"^(?:{clitic})(?=\p{{L}}{{2}})")
    for clitic in ("[وفبلك]?ال|لل", "[وفبلك]", "[והבלמשכ]", "[והבלמשכ]{2}")
)


@lru_cache(maxsize=65536)
def _bare(word: str) -> tuple[str, ...]:
    """A word, and without the articles and prepositions that Arabic and Hebrew write onto it."""
    return tuple(dict.fromkeys([word, *(clitic.sub("", word) for clitic in _CLITICS)]))


def _by_letters(text: Text, fact: Fact) -> list[Span]:
    letters = letters_of(text) if fact.letters else None
    return [span for wanted in fact.letters for span in find(wanted, letters)] if letters else []


def _joined_names(text: Text, fact: Fact) -> Iterator[Span]:
    """Names whose words are written as one, or apart: "Li Ming", "Liming", 李明."""
    if not (fact.is_person or fact.letters):
        return
    wanted = {latin(form) for form in (*fact.letters, *fact.names)}
    wanted = {name for name in wanted if len(name) >= LONG_NAME}
    kana = [form for form in fact.letters if _KANA.fullmatch(form)]
    for first, word in enumerate(text.words):
        if any(is_other_script(word.text, form) and sounds_alike(word.text, form) for form in kana):
            yield text.span(first, first + 1)
        for last in range(first + 1, min(first + RUN, len(text.words)) + 1):
            joined = "".join(word.folded for word in text.words[first:last])
            if latin(joined) in wanted or (
                _KANA.fullmatch(joined) and any(reads_alike(joined, name) for name in wanted)
            ):
                yield text.span(first, last)
