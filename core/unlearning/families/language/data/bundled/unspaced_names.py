"""The form of a Chinese, Japanese or Korean name in its own script, and other names of that form."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import regex

from core.unlearning.families.language.data.bundled.choosing import IsTaken, choose
from core.unlearning.families.language.data.bundled.origins import (
    SEXES,
    Origin,
    origins_of,
    traditional_letters,
    transcribing_letters,
    unspaced_origin,
)
from core.unlearning.families.language.data.bundled.scripts import DOTS, KANA, script_of

_LETTERS = regex.compile(r"[\p{Script=Han}\p{Script=Hangul}]|[\p{Script=Hiragana}\p{Script=Katakana}ー]+")
_JAPANESE = regex.compile(r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー\s]+")
_LONGEST = 4
"""Letters of a Chinese or Korean name."""
_HALVES = 2
TRANSCRIBED = 0.5
"""So many of a longer word's letters are those that transcriptions are made of."""


@dataclass(frozen=True)
class UnspacedForm:
    """A family name and a given name, either of which may be missing."""

    origin: Origin
    family: str
    between: str
    given: str
    is_traditional: bool = False

    def draw(self, rng: random.Random, is_taken: IsTaken) -> str | None:
        """Another name of this form; nothing where every one is taken."""
        sexes = [sex for sex in SEXES if self.given in self.origin.given(sex)]
        sex = sexes[0] if len(sexes) == 1 else rng.choice(SEXES)
        family = choose(_of_shape(self.family, self.origin.family), rng, is_taken) if self.family else ""
        given = choose(_of_shape(self.given, self.origin.given(sex)), rng, is_taken) if self.given else ""
        if family is None or given is None:
            return None
        name = f"{family}{self.between}{given}"
        return "".join(traditional_letters().get(letter, letter) for letter in name) if self.is_traditional else name


def taken_by(names: Iterable[str]) -> IsTaken:
    """Whether a word shares a letter with one of the names; in kana, where these are sounds, whether it is the same."""
    taken = {letters for name in names for letters in _LETTERS.findall(_simplified(name))}
    return lambda word: not taken.isdisjoint(_LETTERS.findall(word))


def unspaced_form(name: str) -> UnspacedForm | None:
    """The form of a name; nothing for one in another script, or one that is transcribed from another language."""
    words = name.split()
    if DOTS.search(name) or not 0 < len(words) <= _HALVES:
        return None
    script = script_of(name)
    if script == "Hangul":
        return _korean(words, name)
    if script not in ("Han", "Hiragana") or not _JAPANESE.fullmatch(name):
        return None
    return _japanese(words, name) if _is_japanese("".join(words)) else _chinese(words, name)


def _korean(words: Sequence[str], name: str) -> UnspacedForm | None:
    origin, whole = unspaced_origin("korean"), "".join(words)
    family = words[0] if len(words) > 1 else _family_in(whole, origin)
    if len(whole) > _LONGEST or family not in origin.family or _is_foreign(words):
        return None
    return _form(origin, words, name, len(family))


def _is_japanese(name: str) -> bool:
    family = _family_in(name, unspaced_origin("japanese"))
    given = name.removeprefix(family)
    if KANA.search(name) or len(family) > 1 or any(given in unspaced_origin("japanese").given(sex) for sex in SEXES):
        return True
    is_chinese = len(_family_in(name, unspaced_origin("chinese"))) > 1
    return len(name) == _LONGEST and not is_chinese and not _is_transcribed(name)


def _japanese(words: Sequence[str], name: str) -> UnspacedForm:
    origin, whole = unspaced_origin("japanese"), "".join(words)
    kana = KANA.search(whole)
    family = len(_family_in(whole, origin)) or (kana.start() if kana else _HALVES)
    return _form(origin, words, name, family)


def _chinese(words: Sequence[str], name: str) -> UnspacedForm | None:
    origin, whole = unspaced_origin("chinese"), "".join(words)
    plain = _simplified(name)
    family = _family_in("".join(plain.split()), origin)
    if len(whole) > max(_LONGEST - 1, len(family) + _HALVES):
        return None
    return _form(origin, plain.split(), plain, len(family) or 1, is_traditional=plain != name)


def _form(
    origin: Origin, words: Sequence[str], name: str, family: int, *, is_traditional: bool = False
) -> UnspacedForm:
    if len(words) == 1:
        return UnspacedForm(origin, name[:family], "", name[family:], is_traditional)
    first, second = words
    return UnspacedForm(origin, first, name[len(first) : -len(second)], second, is_traditional)


def _family_in(name: str, origin: Origin) -> str:
    """The longest family name that the name begins with; empty for none."""
    return max((family for family in origin.family if name.startswith(family)), key=len, default="")


def _of_shape(like: str, names: Sequence[str]) -> Sequence[str]:
    """Names in the same script and, where there are some, of the same length."""
    same = [name for name in names if script_of(name) == script_of(like)] or names
    return [name for name in same if len(name) == len(like)] or same


def _is_foreign(words: Sequence[str]) -> bool:
    """Whether a word is one of a transcribed name."""
    return any(known in words for origin in origins_of("Hangul").values() for known, _ in origin.kinds())


def _is_transcribed(name: str) -> bool:
    return sum(letter in transcribing_letters() for letter in name) >= TRANSCRIBED * len(name)


def _simplified(name: str) -> str:
    back = {traditional: plain for plain, traditional in traditional_letters().items()}
    return "".join(back.get(letter, letter) for letter in name)
