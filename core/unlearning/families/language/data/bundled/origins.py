"""The shipped lists of given names and family names, by script and origin."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.families.language.data.bundled.tables import table

Sex = Literal["women", "men"]
SEXES: tuple[Sex, ...] = get_args(Sex)
Kind = Literal["women", "men", "family"]
_SPACED = ("latin.toml", "cyrillic.toml", "other_scripts.toml", "transcribed.toml")
_AS_DEVANAGARI = {
    "Gurmukhi": 0x0A00,
    "Gujarati": 0x0A80,
    "Oriya": 0x0B00,
    "Telugu": 0x0C00,
    "Kannada": 0x0C80,
    "Malayalam": 0x0D00,
}
"""Scripts whose letters stand in Unicode as Devanagari's do, and where they begin."""
_DEVANAGARI = 0x0900
_LISTS = ("women", "men", "family", "patronymics", "particles")


@dataclass(frozen=True)
class Origin:
    """Names of one origin. A woman bears a family name or patronymic with its ending changed as `feminine` says."""

    women: tuple[str, ...]
    men: tuple[str, ...]
    family: tuple[str, ...]
    patronymics: tuple[str, ...] = ()
    particles: tuple[str, ...] = ()
    feminine: tuple[tuple[str, str], ...] = ()

    def given(self, sex: Sex) -> tuple[str, ...]:
        """Given names."""
        return self.women if sex == "women" else self.men

    def borne_by(self, sex: Sex, name: str) -> str:
        """A family name or patronymic as somebody of that sex bears it."""
        changes = self.feminine if sex == "women" else ()
        return next((name[: -len(old)] + new for old, new in changes if name.endswith(old)), name)

    def kinds(self) -> Iterable[tuple[str, Kind]]:
        """Every word of the lists, and what it is."""
        for sex in SEXES:
            yield from ((name, sex) for name in self.given(sex))
            yield from ((self.borne_by(sex, name), "family") for name in self.family)


@cache
def origins_of(script: str) -> Mapping[str, Origin]:
    """Names written in words in a script, by their origin; empty where no list has the script."""
    if script in _AS_DEVANAGARI:
        hindi = origins_of("Devanagari")["hindi"]
        women, men, family = (_in_script(words, script) for words in (hindi.women, hindi.men, hindi.family))
        return {"hindi": Origin(women, men, family)}
    sections = [item for file in _SPACED for item in table(f"names/{file}").items()]
    return {name: _origin(section) for name, section in sections if section["script"] == script}


@cache
def unspaced_origin(name: Literal["chinese", "japanese", "korean"]) -> Origin:
    """Names written without blanks, the family name first."""
    return _origin(table("names/unspaced.toml")[name])


@cache
def kinds_of_words(script: str) -> Mapping[str, frozenset[tuple[str, Kind]]]:
    """Of which origins a word of the lists is, and what there; by the word, folded."""
    found: dict[str, set[tuple[str, Kind]]] = defaultdict(set)
    for origin, names in origins_of(script).items():
        for word, kind in names.kinds():
            found[folded(word)].add((origin, kind))
    return {word: frozenset(kinds) for word, kinds in found.items()}


@cache
def particles() -> frozenset[str]:
    """Small words within names, of every origin, folded."""
    sections = (section for file in _SPACED for section in table(f"names/{file}").values())
    return frozenset(folded(word) for section in sections for word in section.get("particles", "").split())


@cache
def famous_names() -> frozenset[frozenset[str]]:
    """The words, folded, of each name that everybody knows."""
    figures = (name for part in table("figures.toml")["people"].values() for name in part)
    return frozenset(frozenset(folded(name).split()) for name in (*table("names/famous.toml")["names"], *figures))


@cache
def transcribing_letters() -> frozenset[str]:
    """Chinese letters that names from elsewhere are transcribed with."""
    return frozenset("".join(table("names/transcribed.toml")["chinese"]["letters"].split()))


@cache
def traditional_letters() -> Mapping[str, str]:
    """Chinese letters of the lists that are written otherwise in Hong Kong and Taiwan."""
    return dict(pair.split("=") for pair in table("names/unspaced.toml")["chinese"]["traditional"].split())


def _origin(section: Mapping[str, str]) -> Origin:
    lists = {key: tuple(section.get(key, "").split()) for key in _LISTS}
    old_and_new = (pair.split("=") for pair in section.get("feminine", "").split())
    return Origin(
        **lists,
        feminine=tuple((old, new) for old, new in old_and_new),
    )


def _in_script(words: Iterable[str], script: str) -> tuple[str, ...]:
    """Words in Devanagari in another script of India; those with a letter that it lacks are left out."""
    moved = ("".join(chr(ord(letter) - _DEVANAGARI + _AS_DEVANAGARI[script]) for letter in word) for word in words)
    return tuple(word for word in moved if all(unicodedata.category(letter) != "Cn" for letter in word))
