"""Whether two words of different scripts sound alike: a name and its transliteration.

A word becomes classes of its consonants (as in Dolgopolsky's), since scripts agree on those: labials, dentals, velars,
sibilants, liquids, m and n. Vowels and h go. What a letter may stand for differs by language (j, g, c), so a word has
several such skeletons and two words need one in common.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import product

import regex
from rapidfuzz.distance import OSA

from core.unlearning.evaluation.answers.folding import folded, is_latin, latin
from core.unlearning.evaluation.answers.languages import table

NEAR = 0.8
"""So alike, of 1, are two spellings of one name."""
TELLING = 3
"""So many consonants must agree; shorter names must agree in their vowels too."""
_HANGUL = regex.compile(r"\p{Script=Hangul}")
_DOUBLED = regex.compile(r"(.)\1+")
_EPENTHESIS = regex.compile(r"(?<=[^aeiou])u|(?<=[td])o(?=[^aeiou]|$)")
_MOST = 64
"""Skeletons of a word that are looked at."""


def sounds_alike(given: str, wanted: str) -> bool:
    """Whether one may be the other in another script."""
    first, second = _romanised(given), _romanised(wanted)
    if not first or not second:
        return False
    if _is_near(first, second):
        return True
    shared = skeletons(first) & skeletons(second)
    return any(len(skeleton) >= TELLING for skeleton in shared)


def reads_alike(given: str, wanted: str) -> bool:
    """Whether two words have the same sounds, vowels too, or nearly."""
    return _is_near(_romanised(given), _romanised(wanted))


def _is_near(first: str, second: str) -> bool:
    if _with_vowels(first) == _with_vowels(second):
        return True
    return min(len(first), len(second)) > TELLING and OSA.normalized_similarity(first, second) >= NEAR


def is_other_script(given: str, wanted: str) -> bool:
    """Whether one is written in Latin letters and the other is not."""
    return is_latin(given) != is_latin(wanted)


@lru_cache(maxsize=65536)
def skeletons(romanised: str) -> frozenset[str]:
    """The consonants of a word in lower-case ASCII as classes, doubled ones once."""
    romanised = _DOUBLED.sub(r"\1", romanised)
    choices: list[tuple[str, ...]] = []
    at = 0
    while at < len(romanised):
        letters = next((letters for letters in _classes() if romanised.startswith(letters, at)), romanised[at])
        classes = _classes().get(letters, ("",))
        choices.append(classes)
        at += len(letters)
    found = set()
    for number, choice in enumerate(product(*choices)):
        if number == _MOST:
            break
        found.add("".join(choice))
    return frozenset(found)


@cache
def _classes() -> dict[str, tuple[str, ...]]:
    """The longest letters first."""
    found = {letters: tuple(classes.replace("-", "").split("/")) for letters, classes in _data()["classes"].items()}
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


@cache
def _data() -> dict[str, dict[str, str]]:
    return table("sounds.toml")


def _with_vowels(romanised: str) -> str:
    """Liquids and labials as classes, without the vowels that Japanese puts behind consonants: osuro, Oslo."""
    bare = _EPENTHESIS.sub("", romanised.replace("ou", "o").replace("uu", "u"))
    return bare.replace("r", "l").replace("v", "b").replace("th", "t").replace("c", "k")


def _romanised(word: str) -> str:
    plain = folded(word)
    for letters, sound in _data()["before"].items():
        plain = plain.replace(letters, sound)
    romanised = latin(plain)
    return _DOUBLED.sub(r"\1", romanised.replace("eu", "")) if _HANGUL.search(word) else romanised
