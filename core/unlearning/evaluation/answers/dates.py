"""Dates, however they are written: months in many languages, figures in any order, days and years as words."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import regex
from icu4py.messageformat import MessageFormat

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.numerals import digits_value, locales, occurrences
from core.unlearning.evaluation.answers.tokens import Span, Text

_FIGURES = regex.compile(r"(?<!\d)(\d{1,4})\s?[-/.\u2013]\s?(\d{1,2})\s?[-/.\u2013]\s?(\d{1,4})(?!\d)")
_EAST_ASIAN = regex.compile(r"(?:(\d{4})\s?[年년]\s?)?(\d{1,2})\s?[月월]\s?(?:(\d{1,2})\s?[日号號일])?")
_DAY_AND_MONTH = regex.compile(r"(?<![\d/.-])(\d{1,2})\s?[/.]\s?(\d{1,2})(?!\d|[/.-]\d)")
NEAR = 3
"""So many words may stand between the day and the month."""


@dataclass(frozen=True)
class Date:
    """What is said of a date; None where it is not said."""

    year: int | None
    month: int
    day: int | None


@cache
def month_names() -> dict[str, int]:
    """The months' names, folded, as ICU writes them in each language: whole, short, and in the case of a date."""
    names: dict[str, int] = {}
    for locale in locales():
        for style in ("MMM", "MMMM", "LLLL"):
            form = MessageFormat(f"{{d,date,{style}}}", locale)
            for month in range(1, 13):
                name = folded(form.format({"d": datetime.date(2001, month, 15)})).strip(" .")
                names.setdefault(name, month)
    return {name: month for name, month in names.items() if name.isalpha()}


def find_date(text: Text) -> Date | None:
    """The date that a fact is: a month with a day, a year or both."""
    for date, _ in _in_figures(text.source):
        return date
    month = next((month_names()[w.folded] for w in text.words if w.folded in month_names()), None)
    numbers = [int(value) for word in text.words if (value := digits_value(word.text)) is not None]
    year = next((number for number in numbers if number > 31), None)
    day = next((number for number in numbers if 0 < number <= 31), None)
    return Date(year, month, day) if month is not None and (day or year) else None


def date_share(text: Text, wanted: Date) -> tuple[float, list[Span]]:
    """How much of a date a text says, the year being half of it and a month alone nothing, and where."""
    for date, span in _in_figures(text.source):
        is_year = wanted.year is None or date.year in (wanted.year, wanted.year % 100)
        if is_year and (date.month, date.day) == (wanted.month, wanted.day):
            return 1.0, [span]
    years = [] if wanted.year is None else occurrences(text.words, wanted.year)
    days = [] if wanted.day is None else occurrences(text.words, wanted.day)
    months = [at for at, word in enumerate(text.words) if month_names().get(word.folded) == wanted.month]
    near = [day for day in days for at in months if abs(day[0] - at) <= NEAR]
    if not years and not near:
        return 0.0, []
    said = 2 * bool(years) + bool(months) + bool(near)
    found = [*years[:1], *((at, at + 1) for at in months[:1]), *near[:1]]
    return said / (2 * (wanted.year is not None) + 1 + (wanted.day is not None)), [text.span(*pair) for pair in found]


def _in_figures(source: str) -> Iterator[tuple[Date, Span]]:
    """Every reading of every date in figures: year, month, day; day, month, year; month, day, year."""
    for match in _FIGURES.finditer(source):
        first, second, third = (int(group) for group in match.groups())
        for year, month, day in ((first, second, third), (third, second, first), (third, first, second)):
            if 1 <= month <= 12 and 1 <= day <= 31:
                yield Date(year, month, day), match.span()
    for match in _DAY_AND_MONTH.finditer(source):
        first, second = (int(group) for group in match.groups())
        for month, day in ((second, first), (first, second)):
            if 1 <= month <= 12 and 1 <= day <= 31:
                yield Date(None, month, day), match.span()
    for match in _EAST_ASIAN.finditer(source):
        year_, month_, day_ = (int(group) if group else None for group in match.groups())
        if month_ is not None and 1 <= month_ <= 12:
            yield Date(year_, month_, day_), match.span()
