"""Puts another's name in the place of the subject's, in questions and in answers, in any script."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import combining

from core.unlearning.evaluation.answers.folding import aligned, is_unspaced, without_marks

Span = tuple[int, int]
_SHORTEST_PART = 2
"""Characters of the shortest part of a name that stands for it alone."""


@dataclass(frozen=True)
class Renamed:
    """`text` with another's name; `places` are where the subject's stood, in the original."""

    text: str
    places: tuple[Span, ...]
    lengths: tuple[int, ...]
    """How long the other's name is at each of the places."""

    def moved(self, start: int, end: int) -> Span:
        """Where a stretch of the original that is outside the names stands in `text`."""
        before = [(b - a, n) for (a, b), n in zip(self.places, self.lengths, strict=True) if b <= start]
        shift = sum(new - old for old, new in before)
        return start + shift, end + shift


def rename(text: str, names: Sequence[str], other: str) -> Renamed:
    """Replaces names and their words ("Okoro" of "Ada Okoro") as they are written, or else in any case.

    With diacritics or without. A first word becomes the other's first one, a last word the last one.
    """
    places = _places(text, names)
    lengths, pieces, at = list[int](), list[str](), 0
    for start, end in places:
        found = " ".join(without_marks(text[start:end]).split())
        new = _counterpart(found, list(map(without_marks, names)), other)
        pieces += [text[at:start], new]
        lengths.append(len(new))
        at = end
    return Renamed("".join([*pieces, text[at:]]), places, tuple(lengths))


def mentions_name(text: str, names: Sequence[str]) -> bool:
    """Whether the text holds one of the names, or a word of one."""
    return bool(_places(text, names))


def _places(text: str, names: Sequence[str]) -> tuple[Span, ...]:
    """Where the text holds a name, or a word of one."""
    plain, at = aligned(text, without_marks)
    for pattern in _patterns(tuple(map(without_marks, names))):
        found = [(at[match.start()], at[match.end() - 1] + 1) for match in pattern.finditer(plain)]
        if found:
            return tuple((start, _with_marks(text, end)) for start, end in found)
    return ()


def _with_marks(text: str, end: int) -> int:
    """The end of a stretch, with the combining marks that belong to its last letter."""
    return next((at for at in range(end, len(text)) if not combining(text[at])), len(text))


@lru_cache(maxsize=4096)
def _patterns(names: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Names and their words as they are written; names in any case."""
    whole = sorted({name for name in names if name}, key=len, reverse=True)
    words = sorted({word for name in whole for word in _words(name)} - set(whole), key=len, reverse=True)
    forms = (([*whole, *words], 0), (whole, re.IGNORECASE))
    one, other = (re.compile("|".join(map(_bounded, parts)) or r"(?!)", flags) for parts, flags in forms)
    return one, other


def _bounded(name: str) -> str:
    """Scripts without blanks have no word boundaries."""
    return re.escape(name) if is_unspaced(name) else rf"(?<!\w){re.escape(name)}(?!\w)"


def _words(name: str) -> list[str]:
    """The words of a name that may stand for it: "van" and "J." do not."""
    words = name.split()
    if len(words) < 2:
        return []
    return [w for w in words if len(w.strip(".")) >= _SHORTEST_PART and w[:1] != w[:1].lower()]


def _counterpart(found: str, names: Sequence[str], other: str) -> str:
    words = other.split()
    if len(words) < 2 or any(found.casefold() == name.casefold() for name in names):
        return other
    is_last = any(found == name.split()[-1] for name in names)
    return words[-1] if is_last else words[0]
