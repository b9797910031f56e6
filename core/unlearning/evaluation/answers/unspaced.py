"""Facts in scripts that put no blanks between words, found as stretches of letters."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

import regex

from core.unlearning.evaluation.answers.folding import is_unspaced
from core.unlearning.evaluation.answers.languages import languages
from core.unlearning.evaluation.answers.numerals import HAN_NUMBER, han_value, number_at
from core.unlearning.evaluation.answers.tokens import Span, Text

SHARE = 0.6
"""More than so much of a fact's letters in one stretch is the fact."""
SHARE_BESIDE_NUMBER = 0.5
"""With its number told as well, so much of the rest is enough."""
SHORTEST = 2
VERB_WEIGHT = 3
_HIRAGANA = regex.compile(r"\p{Script=Hiragana}")
_HAN_OR_KATAKANA = regex.compile(r"[\p{Script=Han}\p{Script=Katakana}ー]+")
_NUMBER = regex.compile(r"(\d+)\D?")


@dataclass(frozen=True)
class Letters:
    """A text's letters, folded, numbers in digits; `at[i]` is where letter i stands in the text."""

    text: str
    at: tuple[int, ...]

    def span(self, start: int, end: int) -> Span:
        """[start, end) of the letters as a stretch of the text."""
        return self.at[start], self.at[end - 1] + 1


def letters_of(text: Text) -> Letters:
    """All of a text's words without blanks and marks."""
    letters: list[str] = []
    at: list[int] = []
    for word in text.words:
        number = number_at([word], 0, frozenset({"th"})) if is_unspaced(word.text) else None
        plain = word.folded if number is None else str(number[0])
        letters += plain
        at += [min(word.start + i, word.end - 1) for i in range(len(plain))]
    return _with_digits("".join(letters), at)


def find(wanted: str, letters: Letters) -> list[Span]:
    """Where the letters of a fact are among those of a text; empty where too few are."""
    numbers = list(_NUMBER.finditer(wanted))
    if numbers:
        return _find_counted(wanted, numbers, letters)
    whole = _whole(wanted, letters)
    if whole:
        return whole
    if _HIRAGANA.search(wanted) and _HAN_OR_KATAKANA.search(wanted):
        return _find_pieces(wanted, letters)
    stretches = _stretches(wanted, letters)
    told = sum(_weight(letters.text[slice(*stretch)]) for stretch in stretches)
    is_told = told >= SHORTEST and told > SHARE * _weight(wanted)
    return [_joined([letters.span(*stretch) for stretch in stretches])] if is_told else []


def _find_pieces(wanted: str, letters: Letters) -> list[Span]:
    """Of a Japanese phrase: its words in kanji or katakana, the last of which is a verb if hiragana end it."""
    pieces = list(dict.fromkeys(_HAN_OR_KATAKANA.findall(wanted)))
    weights = {piece: float(len(piece)) for piece in pieces}
    if _HIRAGANA.match(wanted[-1]) and len(pieces) > 1:
        weights[pieces[-1]] /= VERB_WEIGHT
    found = {piece: place for piece in pieces if (place := _whole(piece, letters))}
    is_told = sum(weights[piece] for piece in found) > SHARE * sum(weights.values())
    return [_joined([place[0] for place in found.values()])] if is_told else []


def _find_counted(wanted: str, numbers: list[regex.Match[str]], letters: Letters) -> list[Span]:
    """Of a fact with numbers: each must be told, and half of what is counted."""
    rest = [piece for piece in _NUMBER.split(wanted)[::2] if _weight(piece)]
    spans = []
    for number in numbers:
        told = regex.search(rf"(?<!\d){number[1]}(?!\d)", letters.text)
        if told is None:
            return []
        spans.append(letters.span(*told.span()))
    stretches = [(piece, _longest(piece, letters)) for piece in rest]
    stretches = [(piece, s) for piece, s in stretches if s and s[1] - s[0] >= min(SHORTEST, len(piece))]
    told_weight = sum(_weight(letters.text[slice(*stretch)]) for _, stretch in stretches if stretch)
    if told_weight < SHARE_BESIDE_NUMBER * sum(map(_weight, rest)):
        return []
    return [_joined([*spans, *(letters.span(*stretch) for _, stretch in stretches if stretch)])]


def _joined(spans: list[Span]) -> Span:
    return min(start for start, _ in spans), max(end for _, end in spans)


def _whole(wanted: str, letters: Letters) -> list[Span]:
    starts = [match.start() for match in regex.finditer(regex.escape(wanted), letters.text)] if wanted else []
    return [letters.span(start, start + len(wanted)) for start in starts]


def _stretches(wanted: str, letters: Letters) -> list[Span]:
    """Pieces of a fact that stand in a text in its order."""
    blocks = SequenceMatcher(None, wanted, letters.text, autojunk=False).get_matching_blocks()
    return [(block.b, block.b + block.size) for block in blocks if block.size >= SHORTEST]


def _longest(wanted: str, letters: Letters) -> Span | None:
    match = SequenceMatcher(None, wanted, letters.text, autojunk=False).find_longest_match()
    return (match.b, match.b + match.size) if match.size else None


def _weight(text: str) -> int:
    """Letters that tell something: without the particles of Chinese and Japanese."""
    light = languages()["zh"].light | languages()["ja"].light
    return sum(letter not in light for letter in text)


def _with_digits(text: str, at: list[int]) -> Letters:
    letters: list[str] = []
    places: list[int] = []
    done = 0
    for match in HAN_NUMBER.finditer(text):
        digits = str(han_value(match[0]))
        letters += [text[done : match.start()], digits]
        places += [*at[done : match.start()], *[at[match.start()]] * len(digits)]
        done = match.end()
    return Letters("".join([*letters, text[done:]]), (*places, *at[done:]))
