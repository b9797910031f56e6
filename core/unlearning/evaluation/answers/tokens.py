"""A text as words and sentences, by Unicode's rules and, for scripts without blanks, ICU's dictionaries."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import regex
from icu4py.breakers import SentenceBreaker, WordBreaker

from core.unlearning.evaluation.answers.folding import aligned, cleaned, folded, is_unspaced, latin
from core.unlearning.evaluation.answers.languages import languages_of

_PARTS = regex.compile(r"[^'\u2019\u02bc\u00b4`.]+|(?<=\d)\.(?=\d)")
_HUMP = regex.compile(r"(?<=\p{Ll})(?=\p{Lu})")
_HAS_LETTER = regex.compile(r"[\p{L}\p{N}\p{M}]")
_ABBREVIATED = regex.compile(
    r"(?:^|[\s(])(?:\p{L}|dr|mr|mrs|ms|st|prof|sr|sra|hr|fr|jr|dhr|mevr|vs|no|nr)\.\s*$", regex.I
)
_HAN_NUMBER = regex.compile("[〇零一二两兩三四五六七八九十百千]+")
_APOSTROPHES = ("'", "\u2019")
Span = tuple[int, int]
"""[start, end) of a text."""
MANY = 4
"""If a text may be in so many languages, it is in the one that is expected."""
SPELLED_FROM = 3
"""So many single letters in a row are a word that is spelled out; fewer are initials."""


@dataclass(frozen=True)
class Word:
    """A word of a text, at [start, end) of it."""

    text: str
    start: int
    end: int
    sentence: int
    opens: bool
    """Whether it is its sentence's first."""

    @cached_property
    def folded(self) -> str:
        return folded(self.text)

    @cached_property
    def latin(self) -> str:
        return latin(self.text)

    @property
    def is_capitalised(self) -> bool:
        return self.text[:1] != self.text[:1].lower()


@dataclass(frozen=True)
class Text:
    """`source` is the text `cleaned`; positions are in it."""

    source: str
    words: tuple[Word, ...]
    sentences: tuple[Span, ...]
    expected: frozenset[str] = frozenset()
    """The languages it is in unless its words say otherwise."""

    @cached_property
    def _aligned(self) -> tuple[str, tuple[int, ...]]:
        return aligned(self.source)

    @property
    def plain(self) -> str:
        """The source, folded, for regular expressions."""
        return self._aligned[0]

    def in_source(self, start: int, end: int) -> Span:
        """[start, end) of `plain` as a stretch of the source."""
        at = self._aligned[1]
        return (at[start], at[end - 1] + 1) if end > start else (at[start], at[start])

    def span(self, first: int, last: int) -> Span:
        """Where the words [first, last) are."""
        return self.words[first].start, self.words[last - 1].end

    @cached_property
    def languages(self) -> frozenset[str]:
        """Those it may be in; empty where nothing tells."""
        found = languages_of(self.source, (word.folded for word in self.words))
        return (found & self.expected if len(found) >= MANY else found) or found or self.expected

    @cached_property
    def is_cased(self) -> bool:
        """Whether it has capital letters beside small ones, more than in "I", so that they tell something."""
        has_capitals = any(word.is_capitalised and word.text != "I" for word in self.words)
        return has_capitals and self.source != self.source.upper()


@lru_cache(maxsize=4096)
def read(text: str, expected: frozenset[str] = frozenset()) -> Text:
    """Splits a text. `expected`: the languages of the question that it answers."""
    source = cleaned(text)
    sentences = tuple(_sentences(source))
    words = [word for number, span in enumerate(sentences) for word in _words(source, number, *span)]
    return Text(source, tuple(_with_spelled(source, _with_numbers(words))), sentences, expected)


def _sentences(source: str) -> Iterator[Span]:
    begin = 0
    for start, end in SentenceBreaker(source, "en").segments():
        if end > start and not _ABBREVIATED.search(source[begin:end]):
            yield begin, end
            begin = end
    if begin < len(source):
        yield begin, len(source)


def _words(source: str, sentence: int, start: int, end: int) -> Iterator[Word]:
    opens = True
    for first, last in WordBreaker(source[start:end], "en").segments():
        piece = source[start + first : start + last]
        if not _HAS_LETTER.search(piece):
            continue
        for begin, stop in _pieces(piece):
            text = unicodedata.normalize("NFKC", piece[begin:stop])
            yield Word(text, start + first + begin, start + first + stop, sentence, opens)
            opens = False


def _pieces(piece: str) -> Iterator[Span]:
    """Cuts "Trabzon'da", "l'image" and "TomaszWrona" in two; "3.5" stays whole."""
    if piece[0].isdigit():
        yield 0, len(piece)
        return
    for match in _PARTS.finditer(piece):
        at = match.start()
        for hump in _HUMP.finditer(piece, match.start(), match.end()):
            yield at, hump.start()
            at = hump.start()
        yield at, match.end()


def _with_numbers(words: list[Word]) -> list[Word]:
    """The words, with a number in Chinese characters as one: the dictionaries cut 四十二歳 anywhere."""
    found: list[Word] = []
    for word in words:
        last = found[-1] if found else None
        if last and last.end == word.start and _HAN_NUMBER.fullmatch(last.text) and _HAN_NUMBER.match(word.text):
            found[-1] = replace(last, text=last.text + word.text, end=word.end)
        else:
            found.append(word)
    return found


def _with_spelled(source: str, words: list[Word]) -> Iterator[Word]:
    """The words, with runs of single letters ("B-A-K-E-R") as one word each."""
    at = 0
    while at < len(words):
        run = _run_of_letters(source, words, at)
        if run >= SPELLED_FROM and source[words[at].start - 1 : words[at].start] not in _APOSTROPHES:
            letters = "".join(word.text for word in words[at : at + run])
            first = words[at]
            yield Word(letters.capitalize(), first.start, words[at + run - 1].end, first.sentence, first.opens)
            at += run
        else:
            yield words[at]
            at += 1


def _run_of_letters(source: str, words: list[Word], at: int) -> int:
    """How many single letters with the same mark between them begin at `at`."""
    mark: str | None = None
    for length in range(len(words) - at):
        word = words[at + length]
        if len(word.text) != 1 or not word.text.isalpha() or is_unspaced(word.text):
            return length
        if length:
            between = source[words[at + length - 1].end : word.start]
            if not between or between != (mark or between):
                return length
            mark = between
    return len(words) - at
