"""What `data/languages.toml` says of each language."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from typing import Any

import regex

from core.unlearning.evaluation.answers.folding import folded

_SCRIPTS = {
    code: regex.compile(rf"[\p{{Script={script}}}]")
    for code, script in (
        *(("ja", r"Hiragana}\p{Script=Katakana"), ("zh", "Han"), ("ko", "Hangul"), ("th", "Thai"), ("el", "Greek")),
        *(("he", "Hebrew"), ("hi", "Devanagari"), ("bn", "Bengali")),
    )
}
"""Scripts that one of the languages is written in."""
LETTER = 0.3
"""A letter of its own tells so much of a language, in words that no other has."""
_SHARED = (
    *((code, regex.compile(r"\p{Script=Cyrillic}")) for code in ("ru", "uk", "bg")),
    *((code, regex.compile(r"\p{Script=Arabic}")) for code in ("ar", "fa")),
)
_LATIN = frozenset(
    ["en", "de", "fr", "es", "pt", "it", "nl", "sv", "da", "nb", "fi", "hu", "pl", "cs", "ro", "tr", "vi", "id", "sw"]
)
_UNBOUNDED = ("zh", "ja", "ko", "th")
"""Languages in which a phrase may begin and end within what blanks bound."""


NEAR = 0.6
"""Languages with so much of the weight of the likeliest are not told apart from it."""


@dataclass(frozen=True)
class Language:
    """A section of the file, folded. Empty where the section says nothing."""

    code: str
    letters: str
    light: frozenset[str]
    no: frozenset[str]
    no_after: frozenset[str]
    turn: frozenset[str]
    that: frozenset[str]
    who: frozenset[str]
    he: frozenset[str]
    kin: frozenset[str]
    copula: frozenset[str]
    no_denial: str
    """A regular expression; empty where the section has none."""

    @cached_property
    def known(self) -> frozenset[str]:
        """Every word that the section has."""
        return self.light | self.no | self.no_after | self.turn | self.that | self.who | self.he | self.kin


@cache
def table(name: str) -> dict[str, Any]:
    """A file of `data/`, read."""
    return tomllib.loads((files(__package__) / "data" / name).read_text(encoding="utf-8"))


def word_set(text: str) -> frozenset[str]:
    """The words of a list of the data files, folded; "_" stands for a blank."""
    return frozenset(folded(word.replace("_", " ")) for word in text.split())


@cache
def languages() -> dict[str, Language]:
    """By the language's code."""
    return {code: _language(code, section) for code, section in table("languages.toml").items()}


@cache
def words_of(field: str, codes: frozenset[str] = frozenset()) -> frozenset[str]:
    """A list of some languages together, or of all."""
    return frozenset().union(*(getattr(languages()[code], field) for code in codes or languages()))


@cache
def no_denials() -> regex.Pattern[str]:
    """Phrases of all languages that hold a word of denial and deny nothing; to be searched in folded text."""
    return regex.compile("|".join(language.no_denial for language in languages().values() if language.no_denial))


def languages_of(text: str, words: Iterable[str]) -> frozenset[str]:
    """The languages that a text may be in, by its script or by its commonest words; empty for no idea."""
    by_script = frozenset(code for code, script in _SCRIPTS.items() if script.search(text))
    if by_script:
        return by_script - {"zh"} if "ja" in by_script else by_script
    given = [word for word in words if len(word) > 1]
    letters = set(text.casefold())
    weights = {
        code: sum(map(_weight, language.known.intersection(given))) + LETTER * bool(letters & set(language.letters))
        for code, language in languages().items()
    }
    most = max(weights.values())
    return frozenset(code for code, weight in weights.items() if weight and weight >= NEAR * most)


@lru_cache(maxsize=65536)
def _weight(word: str) -> float:
    """A word tells less of a language, the more languages have it."""
    return 1 / sum(word in language.known for language in languages().values())


@lru_cache(maxsize=65536)
def languages_of_script(text: str) -> frozenset[str]:
    """The languages that are written as a text is."""
    return frozenset(code for code, script in (*_SCRIPTS.items(), *_SHARED) if script.search(text)) or _LATIN


def _language(code: str, section: dict[str, str]) -> Language:
    lists = {field.name: word_set(section.get(field.name, "")) for field in fields(Language)[2:-1]}
    phrases = folded(section.get("no_denial", "").replace("\n", ""))
    bound = "" if code in _UNBOUNDED else r"\b"
    return Language(
        code, section.get("letters", ""), **lists, no_denial=rf"{bound}(?:{phrases}){bound}" if phrases else ""
    )
