"""Whether two words are one word in two forms, in any of the languages that Snowball has stemmers for."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache

import regex
import snowballstemmer
from rapidfuzz.distance import OSA

from core.unlearning.evaluation.answers.folding import folded, latin, spread
from core.unlearning.evaluation.answers.languages import table

_STEMMERS = {
    **{"en": "english", "de": "german", "fr": "french", "es": "spanish", "pt": "portuguese", "it": "italian"},
    **{"nl": "dutch", "sv": "swedish", "da": "danish", "nb": "norwegian", "fi": "finnish", "hu": "hungarian"},
    **{"pl": "polish", "cs": "czech", "ro": "romanian", "tr": "turkish", "id": "indonesian", "ru": "russian"},
    **{"el": "greek", "ar": "arabic", "fa": "persian", "hi": "hindi", "sr": "serbian"},
}
_SLAVIC = {"uk": "ru", "bg": "ru"}
"""Languages without a stemmer of their own, and whose serves."""
SHORT = 3
"""A stem of fewer letters says nothing."""
COMPOUND = 5
"""A word of so many letters is known inside a longer one."""
LONG, VERY_LONG = 7, 11
"""Words of so many letters may differ in one letter, or two: a slip, or another spelling of a name."""
BEGINNING, PLACE = 0.65, 0.74
"""A long word that shares more than this of its letters from the beginning is a relation; of a place, its adjective."""
_VOWELS = "aeiouy"
_HANGUL = regex.compile(r"\p{Script=Hangul}")


@cache
def _endings(kind: str) -> tuple[str, ...]:
    return tuple(table("endings.toml")[kind].split())


@cache
def _stemmer(name: str) -> snowballstemmer.basestemmer.BaseStemmer:
    return snowballstemmer.stemmer(name)


@lru_cache(maxsize=65536)
def stem(word: str, language: str) -> str:
    """The Snowball stem of a word in lower case, folded; the word itself where there is no stemmer."""
    name = _STEMMERS.get(_SLAVIC.get(language, language))
    return folded(_stemmer(name).stemWord(word.lower())) if name else folded(word)


@lru_cache(maxsize=65536)
def is_same(given: str, wanted: str) -> bool:
    """Whether two words are the same but for case and diacritics."""
    return bool({folded(given), spread(given)} & {folded(wanted), spread(wanted)}) and not _differs_in_marks(
        given, wanted
    )


@lru_cache(maxsize=65536)
def is_slip(given: str, wanted: str) -> bool:
    """Whether one word is the other with a letter doubled or, in long words, a letter or two wrong."""
    first, second = latin(given), latin(wanted)
    if first[:1] != second[:1] or min(len(first), len(second)) <= SHORT or first.isdigit():
        return False
    if len(second) >= COMPOUND and first.replace("ou", "o") == second.replace("ou", "o"):
        return True
    allowed = (len(second) >= LONG) + (len(second) >= VERY_LONG)
    return _squeezed(first) == _squeezed(second) or 0 < OSA.distance(first, second, score_cutoff=allowed) <= allowed


@lru_cache(maxsize=65536)
def is_form(given: str, wanted: str, languages: frozenset[str]) -> bool:
    """Whether `given` is an inflected form, a compound or a near relation of the common word `wanted`."""
    first, second = folded(given), folded(wanted)
    if first[: SHORT - 1] != second[: SHORT - 1] and not _ends_in(first, second):
        return False
    return (
        (_HANGUL.match(second) is not None and first.startswith(second) and len(second) > 1)
        or is_slip(given, wanted)
        or _is_compound(first, second)
        or any(_is_telling(stem(given, code), stem(wanted, code)) for code in languages)
        or _is_family(latin(given), latin(wanted))
        or _begins_alike(latin(given), latin(wanted))
    )


def are_halves(first: str, second: str, wanted: str) -> bool:
    """Whether two words together are the compound `wanted`: "blows glass", "glassblower"."""
    return any(_is_family(latin(second), rest) for rest in _other_halves(first, wanted))


def begins(first: str, wanted: str) -> bool:
    """Whether a word may be the first half of the compound `wanted`."""
    return bool(_other_halves(first, wanted))


@lru_cache(maxsize=65536)
def _other_halves(first: str, wanted: str) -> frozenset[str]:
    """What is left of a compound behind its first half; nothing where that is no half of it."""
    whole = _squeezed(latin(wanted))
    roots = [root for root in _roots(latin(first)) if len(root) >= SHORT and whole.startswith(root)]
    rests = [whole.removeprefix(root) for root in roots if len(whole) >= LONG]
    return frozenset(rest.removeprefix(link) for rest in rests for link in _LINKS)


_LINKS = ("", "s", "n", "en", "e", "es")
"""What stands between the halves of a compound."""


@lru_cache(maxsize=65536)
def is_case(given: str, wanted: str) -> bool:
    """Whether `given` is the name `wanted` in a case or with a possessive."""
    first, second = _squeezed(latin(given)), _squeezed(latin(wanted))
    if first[: SHORT - 1] != second[: SHORT - 1]:
        return False
    if len(second) <= SHORT:
        return len(first) > SHORT + 1 and first in _with(second, "added")
    return first in _with(second, "added") or first in _with(_without_vowels(second), "swapped")


@lru_cache(maxsize=65536)
def is_of_place(given: str, wanted: str, languages: frozenset[str], *, may_be_name: bool) -> bool:
    """Whether `given` is a form of the place `wanted`, or somebody or something from there.

    `may_be_name`: whether it is written as names are; adjectives are in lower case in many languages.
    """
    first, second = _squeezed(latin(given)), _squeezed(latin(wanted))
    if len(second) < SHORT or first[: SHORT - 1] != second[: SHORT - 1] or _differs_in_marks(given, wanted):
        return False
    is_derived = first in _with(second, "people") or first in _with(_without_vowels(second), "people")
    if is_derived or (len(second) >= COMPOUND and first.startswith(second)):
        return True
    is_alike = (shared := _shared(first, second)) >= COMPOUND and shared > PLACE * len(second)
    if is_alike and len(first) > len(second) + 1:
        return True
    return may_be_name and (is_alike or any(_is_telling(stem(given, code), stem(wanted, code)) for code in languages))


def _with(root: str, kind: str) -> frozenset[str]:
    """A root with each ending of a list; none where the root is too short to tell."""
    return frozenset(_squeezed(root + ending) for ending in _endings(kind)) if len(root) >= SHORT else frozenset()


def _without_vowels(word: str) -> str:
    return word.rstrip(_VOWELS)


def _differs_in_marks(given: str, wanted: str) -> bool:
    """Whether a letter has one diacritic here and another there; one that has none is only typed in haste."""
    pairs = zip(_marks(given), _marks(wanted), strict=False)
    return any(one and other and one != other for one, other in pairs)


def _marks(word: str) -> list[str]:
    """The diacritics of each letter."""
    return [unicodedata.normalize("NFD", letter)[1:] for letter in unicodedata.normalize("NFC", word.casefold())]


def _is_telling(first: str, second: str) -> bool:
    return first == second and len(latin(first)) >= SHORT


def _ends_in(long: str, short: str) -> bool:
    return len(short) > COMPOUND and long.endswith(short)


def _is_compound(long: str, short: str) -> bool:
    return _ends_in(long, short) or (len(short) >= COMPOUND and long.startswith(short))


def _begins_alike(first: str, second: str) -> bool:
    """Whether long words share most of their letters from the beginning on."""
    return (shared := _shared(first, second)) >= LONG and shared > BEGINNING * len(second)


def _shared(first: str, second: str) -> int:
    """How many letters two words share from the beginning."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((at for at, (one, two) in pairs if one != two), min(len(first), len(second)))


def _is_family(first: str, second: str) -> bool:
    """Whether both, less an ending of the list, leave the same beginning."""
    shared = _roots(first) & _roots(second)
    return any(len(root) > SHORT or (root not in (first, second) and len(root) == SHORT) for root in shared)


@lru_cache(maxsize=65536)
def _roots(word: str) -> frozenset[str]:
    roots = {word, word[:-1] if word[-1:] in _VOWELS else word}
    roots |= {word.removesuffix(ending) for ending in _endings("family")}
    roots |= {root.rstrip("e") for root in roots}
    return frozenset(_squeezed(root) for root in roots if len(root) >= SHORT)


@lru_cache(maxsize=65536)
def _squeezed(word: str) -> str:
    """Without doubled letters."""
    return "".join(letter for at, letter in enumerate(word) if not at or letter != word[at - 1])
