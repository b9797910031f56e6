"""Text in a form in which spellings that mean the same are equal."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

import regex
from anyascii import anyascii

_LETTERS = str.maketrans(
    {
        **{"ı": "i", "đ": "d", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ħ": "h", "ё": "е"},
        **{"\u2019": "'", "\u2018": "'", "\u02bc": "'", "`": "'", "\u00b4": "'", "\u05f3": "'"},
        # Arabic as it is typed: with or without hamza, dots on the last letter, or a Persian keyboard.
        **{"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ی": "ي", "ک": "ك", "ؤ": "و", "ئ": "ي"},
    }
)
_SPREAD = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
# Diacritics of Latin, Greek and Cyrillic; Hebrew points; Arabic vowels and the stroke that lengthens a word.
_MARKS = regex.compile(r"[\u0300-\u036f\u0591-\u05c7\u064b-\u0652\u0670\u0640]")
_UNSPACED = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]"
)
_LATIN = regex.compile(r"\p{Script=Latin}")


@lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """Compatibility forms made one (NFKC), no case, no diacritics; the vowel signs of Indic scripts and Thai stay."""
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFC", _MARKS.sub("", plain)).translate(_LETTERS)


@lru_cache(maxsize=65536)
def without_marks(text: str) -> str:
    """Without diacritics; case and all else stay."""
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))


@lru_cache(maxsize=65536)
def spread(text: str) -> str:
    """`folded`, with German and Nordic vowels written as two letters: "Lueneburg"."""
    return folded(unicodedata.normalize("NFKC", text).casefold().translate(_SPREAD))


@lru_cache(maxsize=65536)
def latin(text: str) -> str:
    """The text's letters and digits in lower-case ASCII, other scripts transliterated."""
    return "".join(letter for letter in anyascii(folded(text)).lower() if letter.isalnum())


def is_latin(text: str) -> bool:
    """Whether a letter of the Latin script is in it."""
    return _LATIN.search(text) is not None


def is_unspaced(text: str) -> bool:
    """Whether it holds a letter of a script that puts no blanks between words (Chinese, Japanese, Thai, ...)."""
    return _UNSPACED.search(text) is not None


def cleaned(text: str) -> str:
    """The text composed (NFC), without characters that are not seen (soft hyphens, joiners), blanks for underscores."""
    return unicodedata.normalize(
        "NFC", "".join(" " if c == "_" else c for c in text if unicodedata.category(c) != "Cf")
    )


def aligned(text: str, fold: Callable[[str], str] = folded) -> tuple[str, tuple[int, ...]]:
    """A text folded letter by letter, its blanks made single, and where each letter of the result stood."""
    letters: list[str] = []
    at: list[int] = []
    for place, letter in enumerate(text):
        plain = " " if letter.isspace() else fold(letter)
        if plain == " " and letters and letters[-1] == " ":
            continue
        letters += plain
        at += [place] * len(plain)
    return "".join(letters), tuple(at)
