"""The people whom an answer names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import regex

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.languages import word_set, words_of
from core.unlearning.evaluation.answers.names import is_beside, is_no_name
from core.unlearning.evaluation.answers.tokens import Text, Word, read
from core.unlearning.families.language.data.bundled.origins import kinds_of_words, particles
from core.unlearning.families.language.data.bundled.scripts import script_of
from core.unlearning.families.language.data.bundled.tables import table
from core.unlearning.families.language.data.bundled.uncased_names import uncased_names

_CASED = ("Latin", "Cyrillic", "Greek", "Armenian")
_FEWEST, _MOST = 2, 5
"""Words of a full name."""
_QUOTED = regex.compile(r"\"[^\"]+(?:\"|$)|“[^”]+(?:”|$)|„[^“”]+(?:[“”]|$)|«[^»]+(?:»|$)|(?<!\*)\*[^*\n]+\*(?!\*)")
"""Titles of works are written so; an answer that is cut off may leave one open."""
_TIGHT = regex.compile(r"(?<=\b\p{Lu}\.)(?=\p{Lu}\b)")
_WITHIN = ("-", "'", "\u2019")
"""Marks within a word."""


def names_in(answer: str) -> list[str]:
    """Full names of people in a free answer, each once, in their order; what may be something else is left out."""
    text = read(_TIGHT.sub(" ", answer.strip().strip('"“”„«»*')))
    quoted = [match.span() for match in _QUOTED.finditer(text.source)]
    found = {
        name: None for run in _runs(text) if not _is_within(text.words[run[0]], quoted) for name in _name(text, run)
    }
    return [*found, *uncased_names(text)]


def _is_within(word: Word, spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= word.start < end for start, end in spans)


def _runs(text: Text) -> Iterator[list[int]]:
    """Places of words that may be of one name: with capital letters, particles between them."""
    run: list[int] = []
    for at, word in enumerate(text.words):
        if run and not _is_joined(text, run[-1], at):
            yield run
            run = []
        if _is_capitalised(text, at) or (run and (_is_second(text, at) or _is_particle(word))):
            run.append(at)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _is_joined(text: Text, before: int, at: int) -> bool:
    """Whether two words stand side by side; a full stop may only end an initial or an abbreviation."""
    first, second = text.words[before], text.words[at]
    between = text.source[first.end : second.start]
    is_short = _is_initial(text, before) or is_beside(first.text)
    return first.sentence == second.sentence and (between in (" ", *_WITHIN) or (is_short and between in (".", ". ")))


def _is_capitalised(text: Text, at: int) -> bool:
    """Whether it is written as a name is, and no common word."""
    word = text.words[at]
    if script_of(word.text) not in _CASED or not word.is_capitalised or word.folded in _words("words"):
        return False
    if len(word.text) == 1:
        return text.source[word.end : word.end + 1] == "." or not (word.opens or word.text == "I")
    if word.text == word.text.upper() or (word.opens and word.folded in words_of("light") and not _is_listed(word)):
        return False
    return not is_no_name(word) or text.source[word.end : word.end + 1] == "-"


def _name(text: Text, run: list[int]) -> Iterator[str]:
    """The name in a run of words, if one is left without what stands before and after it."""
    run = _without_opening(text, run)
    while run and _is_small(text, run[-1]):
        run = run[:-1]
    own = [at for at in run if len(text.words[at].text) > 1 and not (_is_small(text, at) or _is_second(text, at))]
    has_initials = any(_is_initial(text, at) for at in run[:-1])
    if not own or not _FEWEST <= len(own) + has_initials <= _MOST:
        return
    start, end = text.span(run[0], run[-1] + 1)
    name = text.source[start:end]
    if folded(name) not in {folded(place) for place in table("not_names.toml")["places"]}:
        yield name


def _without_opening(text: Text, run: list[int]) -> list[int]:
    """Without titles and, if a full name is left, without the first word of a sentence that is in no list."""
    while run and (_is_small(text, run[0]) or _is_title(text.words[run[0]])):
        run = run[1:]
    if "de" in text.languages and "en" not in text.languages:
        return run[next((n for n, at in enumerate(run) if _is_listed(text.words[at])), len(run)) :]
    full = [at for at in run[1:] if not _is_small(text, at) and len(text.words[at].text) > 1]
    if len(full) < _FEWEST or not text.words[run[0]].opens or _is_initial(text, run[0]):
        return run
    goes_on = run[-1] + 1 < len(text.words) and text.words[run[-1] + 1].sentence == text.words[run[0]].sentence
    return run[1:] if goes_on and not _is_listed(text.words[run[0]]) else run


def _is_small(text: Text, at: int) -> bool:
    """Whether it is a particle, and no second half as in Il-sung."""
    return not text.words[at].is_capitalised and not _is_second(text, at)


def _is_second(text: Text, at: int) -> bool:
    """Whether a mark within a word joins it to the word before."""
    return at > 0 and text.source[text.words[at - 1].end : text.words[at].start] == "-"


def _is_particle(word: Word) -> bool:
    return word.folded in particles() and len(word.text) > 1


def _is_title(word: Word) -> bool:
    is_title = is_beside(word.text) and word.folded not in particles()
    return is_title or word.folded in _words("roles")


def _is_listed(word: Word) -> bool:
    return word.folded in kinds_of_words(script_of(word.text))


def _is_initial(text: Text, at: int) -> bool:
    """Whether it is one letter, or several of which the text was told as one word."""
    word = text.words[at]
    is_letter = len(word.text) == 1 and text.source[word.end : word.end + 1] not in _WITHIN
    return is_letter or "." in text.source[word.start : word.end]


@cache
def _words(field: str) -> frozenset[str]:
    return word_set(table("not_names.toml")[field])
