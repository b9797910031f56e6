"""Words of a name among the words of a text: by case and position where the word is an everyday one too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache

import regex

from core.unlearning.evaluation.answers.dates import month_names
from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.inflection import is_case, is_of_place, is_same, is_slip
from core.unlearning.evaluation.answers.languages import table, word_set, words_of
from core.unlearning.evaluation.answers.numerals import digits_value
from core.unlearning.evaluation.answers.tokens import Text, Word, read
from core.unlearning.evaluation.answers.transliteration import is_other_script, sounds_alike

_HAN = regex.compile(r"\p{Script=Han}")
_HANGUL = regex.compile(r"\p{Script=Hangul}")


SHORT = 3
"""A name of so few letters is an everyday word of some language."""


@dataclass(frozen=True)
class _Lists:
    everyday: frozenset[str]
    articles: frozenset[str]
    not_before: frozenset[str]
    before_month: frozenset[str]
    beside: frozenset[str]


@cache
def _lists() -> _Lists:
    return _Lists(**{field: word_set(words) for field, words in table("names.toml").items()})


def telling_words(name: str) -> tuple[str, ...]:
    """A name's own words: without initials, titles and particles; a Korean name also without the family's."""
    words = [word.text for word in read(name).words]
    telling = [word for word in words if len(word) > 1 and folded(word) not in _lists().beside] or words
    return (*telling, *(word[1:] for word in telling if _HANGUL.match(word) and len(word) == SHORT))


def is_beside(word: str) -> bool:
    """Whether it is a title or a particle, which stands beside a name."""
    return folded(word) in _lists().beside


def is_person_at(text: Text, at: int, wanted: str) -> bool:
    """Whether the word at `at` is a person's name `wanted`, in any case, spelling or script."""
    word = text.words[at]
    likeness = _likeness(word.text, wanted)
    if likeness in (_Likeness.NONE, _Likeness.CERTAIN):
        return likeness is _Likeness.CERTAIN
    if not _may_be_name(text, word):
        return False
    return likeness is _Likeness.NEAR or not _is_everyday(wanted) or _is_position_of_name(text, at)


class _Likeness(Enum):
    """How a word is like a name. NEAR: a slip, or a case. CERTAIN: whatever stands around it."""

    NONE = 0
    NEAR = 1
    SAME = 2
    CERTAIN = 3


@lru_cache(maxsize=262144)
def _likeness(word: str, wanted: str) -> _Likeness:
    if is_other_script(word, wanted):
        is_heard = not _HAN.search(word + wanted) and (sounds_alike(word, wanted) or is_case(word, wanted))
        return _Likeness.CERTAIN if is_heard else _Likeness.NONE
    if _HANGUL.match(wanted):
        return _Likeness.CERTAIN if word.startswith(wanted) else _Likeness.NONE
    if is_same(word, wanted):
        return _Likeness.SAME
    return _Likeness.NEAR if is_slip(word, wanted) or is_case(word, wanted) else _Likeness.NONE


def is_name_at(text: Text, at: int, wanted: str, languages: frozenset[str]) -> bool:
    """Whether the word at `at` is the name `wanted` of a place or a thing, or is made of it."""
    word = text.words[at]
    if is_person_at(text, at, wanted):
        return True
    is_near = not is_other_script(word.text, wanted) and not is_same(word.text, wanted)
    return is_near and is_of_place(word.text, wanted, languages, may_be_name=_may_be_name(text, word))


def _may_be_name(text: Text, word: Word) -> bool:
    """Whether it is written as a name: with a capital letter, where the script has them and the text uses them."""
    return word.is_capitalised or not text.is_cased or word.text == word.text.upper()


def _is_everyday(name: str) -> bool:
    known = (_lists().everyday, words_of("light"), month_names())
    return len(name) <= SHORT or any(folded(name) in words for words in known)


def is_word_too(word: Word) -> bool:
    """Whether it is somebody's name that is an everyday word too."""
    return word.folded in _lists().everyday


def is_article(word: Word) -> bool:
    """Whether it is an article, in any language."""
    return word.folded in _lists().articles


def is_no_name(word: Word) -> bool:
    """Whether it is an article, a pronoun or the like: a capital letter makes it no name."""
    return word.folded in _lists().articles | _lists().not_before


def goes_on_otherwise(text: Text, at: int, names: Sequence[str]) -> bool:
    """Whether a name goes on with a word that is none of the subject's: "Grace Kelly" is not Grace Lee."""
    if at + 1 >= len(text.words) or not text.is_cased or "de" in text.languages:
        return False
    if any(is_other_script(text.words[at].text, name) for name in names):
        return False
    follower = text.words[at + 1]
    is_next = text.source[text.words[at].end : follower.start] == " "
    if not is_next or not follower.is_capitalised or follower.folded in words_of("light", text.languages):
        return False
    own = (word for name in names for word in (*telling_words(name), *(w.text for w in read(name).words)))
    return len(follower.text) > 1 and not any(is_person_at(text, at + 1, word) for word in own)


def _is_position_of_name(text: Text, at: int) -> bool:
    """Whether an everyday word stands where a name does."""
    word, before, after = text.words[at], _neighbour(text, at - 1), _neighbour(text, at + 1)
    if before in _lists().articles | _lists().not_before:
        return False
    if not text.is_cased:
        return word.folded not in words_of("light", text.languages)
    if folded(word.text) in month_names() and (before in _lists().before_month or digits_value(after) is not None):
        return False
    return not word.opens or _ends_phrase(text, at) or after in _VERBS or _is_capital(text, at + 1)


def _is_capital(text: Text, at: int) -> bool:
    """Whether another name may stand there."""
    return at < len(text.words) and text.words[at].is_capitalised and text.words[at].folded not in words_of("light")


def _ends_phrase(text: Text, at: int) -> bool:
    """Whether a mark, or nothing, follows a word."""
    return not text.source[text.words[at].end : text.words[at].end + 1].isspace()


_VERBS = word_set("is was has lives works comes ist war lebt wohnt est vit es era vive")
"""Light words that follow a name at the beginning of a sentence rather than an everyday word."""


def _neighbour(text: Text, at: int) -> str:
    """The word at `at` if it is in reach of a phrase: folded, or nothing."""
    return text.words[at].folded if 0 <= at < len(text.words) else ""


def parts_of_unspaced(name: str) -> tuple[str, ...]:
    """A name in Chinese characters, kana or Thai, and the shorter forms by which people call each other."""
    bare = "".join(word.text for word in read(name).words)
    words = tuple(word for word in regex.findall(r"[\p{L}\p{M}]+", name) if len(word) >= SHORT)
    if _HAN.search(bare) and len(bare) >= SHORT:
        words = (bare[:2], bare[-2:])
    return tuple(dict.fromkeys([bare, *words]))
