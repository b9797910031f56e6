"""Numbers, however they are written: digits of any script, words of many languages, Chinese characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import regex
from icu4py.messageformat import MessageFormat

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.languages import table, word_set
from core.unlearning.evaluation.answers.tokens import Word

_DIGITS = regex.compile(r"(\d[\d.,\u066c\u066b]*?)(?:st|nd|rd|th|er|re|e|eme|o|a|te|de|ste|ci|cu|\.)?")
_GROUPED = regex.compile(r"\d{1,3}(?:[.,\u066c]\d{3})+")
_DECIMAL = regex.compile(r"\d+[.,\u066b]\d+")
HAN_NUMBER = regex.compile("[〇零一二两兩三四五六七八九十百千]+")
_HAN_DIGITS = {
    c: n for n, group in enumerate(("〇零", "一", "二两兩", "三", "四", "五", "六", "七", "八", "九")) for c in group
}
_HAN_TENS = {"十": 10, "百": 100, "千": 1000}
UNMISTAKABLE = 6
"""A word of so many letters is a number in whatever language, since it is no other word."""
UNCHANGED = 4
"""So many letters of an ordinal stay in all cases."""
LONGEST = 5
"""Words of a small number at most."""
THOUSANDS = range(1000, 2000)
"""Numbers that begin with a "one" which most speakers leave out, in Russian and others."""
COLLECTIVE = range(2, 101)
"""Numbers whose other words (pairs, "пятеро") are known in facts."""
COUNTED = 130
"""Words for numbers below this are known in facts; greater ones are facts in digits."""


def digits_value(word: str) -> float | None:
    """What "37", "37th", "1,250", "1.87", "٣٧", 三十七 or 三十七歳 stands for; None for another word."""
    plain = folded(word).strip("€$£¥")
    han = HAN_NUMBER.match(plain)
    if han is not None and len(plain) - han.end() <= 1 and han.end() > 1:
        return han_value(han[0])
    match = _DIGITS.fullmatch(plain)
    if match is None:
        return None
    digits = match[1]
    if _GROUPED.fullmatch(digits):
        digits = regex.sub(r"\D", "", digits)
    if _DECIMAL.fullmatch(digits):
        return float(regex.sub(r"\D", ".", digits))
    return int(digits) if digits.isdigit() else None


def number_at(words: Sequence[Word], at: int, languages: frozenset[str]) -> tuple[int, int] | None:
    """A small number in words that begins at `at`, in one of the languages or in any: its value, and how many words."""
    of_script = _locales(words[at].text)
    locales_ = [locale for locale in of_script if locale in languages] or of_script
    if len(words[at].text) >= UNMISTAKABLE:
        locales_ = of_script
    plain = tuple(word.folded for word in words[at : at + LONGEST])
    ways = [(plain[:length], small) for small in map(_small, locales_) for length in range(len(plain), 0, -1)]
    found = next(((small[way], len(way)) for way, small in ways if way in small), None)
    extra = next((number for number, words_ in _extra().items() if plain[0] in words_ and number in COLLECTIVE), None)
    return found or ((extra, 1) if extra else None)


def occurrences(words: Sequence[Word], number: float) -> list[tuple[int, int]]:
    """Where a number is among words, as [first, last) of them; not where it is a part of a greater one."""
    found = {(at, at + 1) for at, word in enumerate(words) if digits_value(word.text) == number}
    plain = [word.folded for word in words]
    if number != int(number):
        return sorted(found)
    there = set(plain)
    for locale in {locale for word in words for locale in _locales(word.text)}:
        for way in spelled(int(number), locale) if there & _beginnings(int(number), locale) else ():
            ends = ((at, at + len(way)) for at in _starts(plain, way))
            found |= {(first, last) for first, last in ends if not _goes_on(plain, first, last, locale)}
    extra = _extra().get(int(number), frozenset())
    found |= {(at, at + 1) for at, word in enumerate(plain) if word in extra}
    return sorted(found)


@cache
def spelled(number: int, locale: str) -> frozenset[tuple[str, ...]]:
    """The number as words, folded, in every form that a language has."""
    ways = {_split(form.format({"n": number})) for form in _forms(locale)}
    if number in THOUSANDS:
        ones = {way[0] for way in spelled(1, locale) if len(way) == 1}
        ways |= {way[1:] for way in ways if len(way) > 1 and way[0] in ones}
    if locale == "ko":
        ways |= {(_beside_noun("".join(way)),) for way in ways}
    return frozenset(ways)


@cache
def _beginnings(number: int, locale: str) -> frozenset[str]:
    """The first words of all forms of a number."""
    return frozenset(way[0] for way in spelled(number, locale) if way)


def _beside_noun(written: str) -> str:
    """A Korean number as it stands before what it counts: 마흔둘 becomes 마흔두."""
    for whole, short in (("하나", "한"), ("둘", "두"), ("셋", "세"), ("넷", "네"), ("스물", "스무")):
        if written.endswith(whole):
            return written.removesuffix(whole) + short
    return written


def han_value(text: str) -> int:
    """What a number in Chinese characters stands for: 三十七, 一九八七."""
    if not any(c in _HAN_TENS for c in text):
        return int("".join(str(_HAN_DIGITS[c]) for c in text))
    total, digit = 0, 0
    for c in text:
        if c in _HAN_TENS:
            total, digit = total + (digit or 1) * _HAN_TENS[c], 0
        else:
            digit = _HAN_DIGITS[c]
    return total + digit


@cache
def units() -> frozenset[str]:
    """Words for what is measured; folded."""
    return word_set(_data()["units"])


@cache
def times() -> frozenset[str]:
    """Words like "times"; folded."""
    return word_set(_data()["times"])


@cache
def locales() -> tuple[str, ...]:
    """Every language whose numbers are known as words."""
    return tuple(code for codes in _data()["locales"].values() for code in codes.split())


@cache
def _data() -> dict[str, Any]:
    return table("numbers.toml")


@cache
def _extra() -> dict[int, frozenset[str]]:
    return {int(number): word_set(words) for number, words in _data()["extra"].items()}


@lru_cache(maxsize=65536)
def _locales(word: str) -> tuple[str, ...]:
    """The languages of a word's script."""
    scripts = _data()["locales"].items()
    return next((tuple(codes.split()) for script, codes in scripts if regex.match(rf"\p{{Script={script}}}", word)), ())


@cache
def _forms(locale: str) -> tuple[MessageFormat, ...]:
    forms: dict[tuple[str, ...], MessageFormat] = {}
    for way in _data()["ways"].split():
        form = MessageFormat(f"{{n,spellout,{way}}}", locale)
        forms.setdefault(tuple(form.format({"n": n}) for n in (1, 2, 5, 1987)), form)
    return tuple(forms.values())


@cache
def _small(locale: str) -> dict[tuple[str, ...], int]:
    """Small numbers by their words; "one" is not among them, which is a pronoun and an article."""
    return {way: number for number in reversed(range(2, COUNTED)) for way in spelled(number, locale)}


@cache
def _number_words(locale: str) -> frozenset[str]:
    numbers = (*range(21), *range(30, 110, 10), 1000)
    return frozenset(word for number in numbers for way in spelled(number, locale) for word in way) - _joins()


@cache
def _joins() -> frozenset[str]:
    return word_set(_data()["joins"])


def _split(written: str) -> tuple[str, ...]:
    plain = folded("".join(c for c in written if unicodedata.category(c) != "Cf"))
    return tuple(regex.findall(r"[\p{L}\p{M}\p{N}]+", plain))


def _starts(words: Sequence[str], way: tuple[str, ...]) -> list[int]:
    """Where the words of a number begin. In a long one only the last word changes with the case: "шестом", "шестой"."""
    starts = [at for at in range(len(words) - len(way) + 1) if tuple(words[at : at + len(way) - 1]) == way[:-1]]
    is_long = len(way) >= LONGEST - 2
    return [at for at in starts if _is_word(words[at + len(way) - 1], way[-1], may_change=is_long)]


def _is_word(given: str, wanted: str, *, may_change: bool) -> bool:
    return given == wanted or (may_change and given[:UNCHANGED] == wanted[:UNCHANGED] and len(wanted) > UNCHANGED)


def _goes_on(words: Sequence[str], first: int, last: int, locale: str) -> bool:
    """Whether a number word stands next to [first, last), so that the whole is another number."""
    numbers, before, after = _number_words(locale), first - 1, last
    if before > 0 and words[before] in _joins():
        before -= 1
    if after < len(words) - 1 and words[after] in _joins():
        after += 1
    return (before >= 0 and words[before] in numbers) or (after < len(words) and words[after] in numbers)
