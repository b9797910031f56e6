"""What each word of a name is: given or of the family, an initial, a title."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.names import is_beside
from core.unlearning.families.language.data.bundled.origins import SEXES, Kind, kinds_of_words, particles

Role = Literal["given", "family", "patronymic", "initials", "kept"]
"""*kept*: titles, particles and numerals."""
Kinds = frozenset[tuple[str, Kind]]
_WORD = regex.compile(r"[^\s·・•‧,()\"“”]+")
_INITIALS = regex.compile(r"(?:\p{L}\p{M}*\.-?)+|\p{Lu}")
_NUMERAL = regex.compile(r"[IVX]{2,}")
_PATRONYMIC = regex.compile(r".+(?:[оеи]вич|ьич|[оеї]вна|ична|івна|[oe]vich|[oe]vna)", regex.I)
_TITLES = frozenset(
    {"queen", "king", "prince", "princess", "emperor", "empress", "pope", "president", "rabbi", "sheikh", "st", "saint"}
)
"""Beside those of `is_beside`; at the beginning of a name only."""


@dataclass(frozen=True)
class NameWord:
    """A word of a name, what stands before it, what it is here, and what it is in the lists."""

    text: str
    before: str
    role: Role
    kinds: Kinds


def name_words(name: str, script: str) -> tuple[NameWord, ...]:
    """The words of a name in order."""
    matches = list(_WORD.finditer(name))
    ends = [0, *(match.end() for match in matches)]
    words = [match[0] for match in matches]
    kinds = [_kinds(word, kinds_of_words(script)) for word in words]
    roles = _roles(words, kinds, has_comma="," in name)
    return tuple(
        NameWord(match[0], name[end : match.start()], role, known)
        for match, end, role, known in zip(matches, ends, roles, kinds, strict=False)
    )


def _kinds(word: str, known: Mapping[str, Kinds]) -> Kinds:
    """What a word is in the lists or, if they lack it, each of two with a hyphen."""
    return known.get(folded(word)) or frozenset().union(*(known.get(folded(part), ()) for part in word.split("-")))


def _roles(words: Sequence[str], kinds: Sequence[Kinds], *, has_comma: bool) -> list[Role]:
    roles = [_role_by_form(word, at, len(words)) for at, word in enumerate(words)]
    own = [at for at, role in enumerate(roles) if role == "given"]
    if len(own) == 1:
        is_family = _is_only_family(kinds[own[0]]) or _is_after_initials(words, roles, own[0])
        roles[own[0]] = "family" if is_family else "given"
    elif own:
        is_reversed = has_comma or roles[-1] == "patronymic" or _is_reversed(kinds[own[0]], kinds[own[-1]])
        roles[own[0 if is_reversed else -1]] = "family"
        for at in own[1:-1]:
            roles[at] = "family" if _is_only_family(kinds[at]) else "given"
    return roles


def _role_by_form(word: str, at: int, count: int) -> Role:
    """What a word is by its looks; "given" where these do not tell."""
    if _INITIALS.fullmatch(word):
        return "initials"
    if count > 1 and (_is_particle(word, at, count) or _is_title(word, at)):
        return "kept"
    is_patronymic = at > 0 and count > 2 and _PATRONYMIC.fullmatch(word)
    return "patronymic" if is_patronymic else "given"


def _is_particle(word: str, at: int, count: int) -> bool:
    """At the beginning only in small letters: Ben and Van are names too."""
    return folded(word) in particles() and at < count - 1 and (at > 0 or word == word.lower() != word.upper())


def _is_title(word: str, at: int) -> bool:
    plain = folded(word.rstrip("."))
    if at and _NUMERAL.fullmatch(word):
        return True
    return plain not in particles() and (is_beside(plain) or (not at and plain in _TITLES))


def _is_only_family(kinds: Kinds) -> bool:
    return {kind for _, kind in kinds} == {"family"}


def _is_after_initials(words: Sequence[str], roles: Sequence[Role], at: int) -> bool:
    return "initials" in roles[:at] or (at > 0 and folded(words[at - 1]) in particles())


def _is_reversed(first: Kinds, last: Kinds) -> bool:
    """Whether the family name stands first, by the origin that explains most of the two words."""
    origins = {origin for origin, _ in first | last}
    may_be = {origin for origin, kind in first if kind == "family"}
    reverse = max((_score(origin, given=last, family=first) for origin in may_be), default=0)
    return reverse > max((_score(origin, given=first, family=last) for origin in origins), default=0)


def _score(origin: str, *, given: Kinds, family: Kinds) -> int:
    return ((origin, "family") in family) + any((origin, sex) in given for sex in SEXES)
