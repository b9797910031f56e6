"""The form of a name that is written in words, and other names of that form."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import regex

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.inflection import is_case, is_same, is_slip
from core.unlearning.evaluation.answers.names import telling_words
from core.unlearning.evaluation.answers.tokens import read
from core.unlearning.evaluation.answers.transliteration import is_other_script, sounds_alike
from core.unlearning.families.language.data.bundled.choosing import IsTaken, choose
from core.unlearning.families.language.data.bundled.likely_origins import likely_origins
from core.unlearning.families.language.data.bundled.name_words import NameWord, Role, name_words
from core.unlearning.families.language.data.bundled.origins import SEXES, Origin, Sex, origins_of

_BARE = str.maketrans("đĐłŁøØıæÆ", "dDlLoOiaA")


@dataclass(frozen=True)
class SpacedForm:
    """Words of a name, whence names are like it, and of which sex its bearer is, if that can be told."""

    words: tuple[NameWord, ...]
    origins: tuple[Origin, ...]
    sex: Sex | None
    is_plain: bool
    """Whether it is written without the diacritics that it has in the lists."""

    def draw(self, rng: random.Random, is_taken: IsTaken) -> str | None:
        """Another name of this form; nothing where every word is taken."""
        origin = rng.choice(self.origins)
        sex = rng.choice(SEXES) if self.sex is None else self.sex
        drawn: list[str] = []
        for word in self.words:
            other = _draw(word, origin, sex, rng, lambda text: text in drawn or is_taken(text))
            if other is None:
                return None
            drawn.append(other)
        written = (
            _in_case_of(word.text, _bare(d) if self.is_plain else d) for word, d in zip(self.words, drawn, strict=True)
        )
        return "".join(word.before + text for word, text in zip(self.words, written, strict=True))


def spaced_form(name: str, script: str, *, anywhere: bool) -> SpacedForm | None:
    """The form of a name; nothing for a script without lists. `anywhere`: names of every origin are like it."""
    origins, words = origins_of(script), name_words(name, script)
    if not origins or not words:
        return None
    like = set(origins) if anywhere else _like(words, script)
    sexes = _sexes(words, like) or _sexes(words, set(origins))
    return SpacedForm(
        words,
        tuple(origins[origin] for origin in sorted(like)),
        sexes.pop() if len(sexes) == 1 else None,
        name.isascii() and any(not _as_listed(word.text, origins).isascii() for word in words),
    )


def taken_by(names: Iterable[str]) -> IsTaken:
    """Whether a word could be taken for one of a name, in another spelling, case or script."""
    parts = {part for name in names for part in (*telling_words(name), *name.split()) if len(part) > 1}

    @cache
    def is_taken(word: str) -> bool:
        own = {word, *(piece.text for piece in read(word).words)}
        return any(_is_like(one, part) for one in own for part in parts)

    return is_taken


def _is_like(word: str, part: str) -> bool:
    if is_other_script(word, part):
        return sounds_alike(word, part)
    return is_same(word, part) or is_slip(word, part) or is_case(word, part)


def _like(words: Sequence[NameWord], script: str) -> set[str]:
    """The origins of a name: of its family name first, for given names travel; then by its letters."""
    origins = origins_of(script)
    if any(word.role == "patronymic" for word in words):
        origins = {name: origin for name, origin in origins.items() if origin.patronymics} or origins
    family, given = (_listed(words, role) & set(origins) for role in ("family", "given"))
    with_particle = {name for name, origin in origins.items() if _has_particle(words, origin)}
    for known in (family & with_particle, family & given, family, given & with_particle, with_particle):
        if known:
            return known
    guess = likely_origins([word.text for word in words if word.role in ("family", "given")], script)
    likely = [name for name in guess if name in origins]
    return given.intersection(likely) or given or set(likely) or set(origins)


def _listed(words: Iterable[NameWord], role: Role) -> set[str]:
    kinds = (kind for word in words if word.role == role for kind in word.kinds)
    return {origin for origin, kind in kinds if (kind == "family") == (role == "family")}


def _has_particle(words: Iterable[NameWord], origin: Origin) -> bool:
    own = {folded(particle) for particle in origin.particles}
    return any(folded(word.text.split("-")[0]) in own for word in words if word.role == "kept" or "-" in word.text)


def _sexes(words: Iterable[NameWord], origins: set[str]) -> set[Sex]:
    kinds = {kind for word in words if word.role == "given" for kind in word.kinds}
    return {sex for sex in SEXES if any((origin, sex) in kinds for origin in origins)}


def _as_listed(text: str, origins: Mapping[str, Origin]) -> str:
    """A word as a list writes it; itself if none does, or one writes it so."""
    listed = [word for origin in origins.values() for word, _ in origin.kinds() if folded(word) == folded(text)]
    return text if text in listed or not listed else listed[0]


def _draw(word: NameWord, origin: Origin, sex: Sex, rng: random.Random, is_taken: IsTaken) -> str | None:
    if word.role == "kept":
        return word.text
    if word.role == "initials":
        return regex.sub(r"\p{L}\p{M}*", lambda _: rng.choice(origin.given(sex))[0], word.text)
    if word.role == "given":
        return _of_shape(word.text, origin.given(sex), rng, is_taken)
    names = origin.patronymics if word.role == "patronymic" and origin.patronymics else origin.family
    drawn = _of_shape(word.text, names, rng, is_taken)
    return drawn and origin.borne_by(sex, drawn)


def _of_shape(like: str, words: Sequence[str], rng: random.Random, is_taken: IsTaken) -> str | None:
    """A word with a hyphen if `like` has one: of the list, or of two."""
    has_hyphen = "-" in like
    chosen = choose([word for word in words if ("-" in word) == has_hyphen], rng, is_taken)
    first = chosen or choose(words, rng, is_taken)
    if chosen or not first or not has_hyphen:
        return first and (first if has_hyphen else first.replace("-", ""))
    second = choose(words, rng, lambda word: word == first or is_taken(word))
    return second and f"{first}-{second}"


def _in_case_of(like: str, word: str) -> str:
    letters = "".join(letter for letter in like if letter.isalpha())
    if len(letters) > 1 and letters == letters.upper() != letters.lower():
        return word.upper()
    if letters == letters.lower() != letters.upper():
        return word.lower()
    return word[0].lower() + word[1:] if like[:1] == like[:1].lower() != like[:1].upper() else word


def _bare(word: str) -> str:
    """Without diacritics."""
    letters = unicodedata.normalize("NFD", word.translate(_BARE))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
