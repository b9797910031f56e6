"""A fact: a span of words, numbers or names, taken apart into what must come out for it to have leaked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from core.unlearning.evaluation.answers.dates import Date, find_date
from core.unlearning.evaluation.answers.folding import folded, is_unspaced
from core.unlearning.evaluation.answers.languages import languages_of_script, table, words_of
from core.unlearning.evaluation.answers.names import is_article, parts_of_unspaced, telling_words
from core.unlearning.evaluation.answers.numerals import digits_value, number_at, times, units
from core.unlearning.evaluation.answers.tokens import Text, Word, read
from core.unlearning.evaluation.answers.unspaced import letters_of

FEW = 2
"""If a fact may be in more languages, it is not known in which."""
VERB_WEIGHT = 3
"""A letter of a verb tells a third of what one of its object does."""
YEARS = 1000
"""Numbers from here on are years and amounts, which a fact may do without; smaller ones count something."""


class Kind(Enum):
    """By what rules a part is looked for."""

    WORD = "word"
    NAME = "name"
    PERSON = "person"
    NUMBER = "number"


@dataclass(frozen=True)
class Part:
    """A word that tells something. `weight`: how much of its fact it is; small numbers have none: they must be told."""

    text: str
    kind: Kind
    weight: int
    number: float | None = None


@dataclass(frozen=True)
class Fact:
    """`text` as it was given. One of `parts`, `date` and `letters` says what is looked for."""

    text: str
    languages: frozenset[str]
    parts: tuple[Part, ...] = ()
    date: Date | None = None
    letters: tuple[str, ...] = ()
    """Forms of a fact in a script without blanks."""
    is_person: bool = False
    """Whether it is the subject's name, of which any word is a leak."""
    names: tuple[str, ...] = ()
    """All forms of that."""

    def without(self, said: Iterable[Part], question: Text) -> Fact:
        """The fact less some parts and, of a name, less the forms that the question has words of."""
        gone = set(said)
        words = {word.folded for word in question.words}
        names = tuple(name for name in self.names if not words & {folded(word) for word in telling_words(name)})
        return replace(self, parts=tuple(part for part in self.parts if part not in gone), names=names)


def parse_fact(text: str, names: Sequence[str], languages: frozenset[str]) -> Fact:
    """Takes a fact apart. `languages`: the question's, where the fact does not tell its own; `names`: the subject's."""
    read_text = read(text)
    languages = read_text.languages or languages & languages_of_script(text) or languages_of_script(text)
    if is_subject(text, names):
        return _person(text, names, languages)
    if is_unspaced(text):
        return Fact(text, languages, letters=(letters_of(read_text).text,))
    date = find_date(read_text)
    if date is not None:
        return Fact(text, languages, date=date)
    return Fact(text, languages, parts=_parts(read_text, languages))


def is_subject(text: str, names: Sequence[str]) -> bool:
    """Whether a fact is the subject's name, or words of it alone."""
    known = {folded(word) for name in names for word in telling_words(name)}
    return bool(known) and {folded(word) for word in telling_words(text)} <= known


def _person(text: str, names: Sequence[str], languages: frozenset[str]) -> Fact:
    forms = dict.fromkeys([text, *names])
    unspaced = [form for form in forms if is_unspaced(form)]
    words = {folded(word): word for form in forms if form not in unspaced for word in telling_words(form)}
    parts = tuple(Part(word, Kind.PERSON, len(word)) for word in words.values())
    letters = tuple(folded(part) for form in unspaced for part in parts_of_unspaced(form))
    return Fact(text, languages, parts, letters=letters, is_person=True, names=tuple(forms))


def _parts(text: Text, languages: frozenset[str]) -> tuple[Part, ...]:
    """The telling words; all where none tells."""
    found = list(_all_parts(text, languages))
    telling = [part for part in found if part.kind is not Kind.WORD or folded(part.text) not in words_of("light")]
    counted = [part for part in telling if folded(part.text) not in units() | times()]
    if any(part.kind is Kind.NUMBER for part in counted):
        telling = counted
    return _with_light_verb(text, telling, languages) or tuple(found)


def _with_light_verb(text: Text, parts: Sequence[Part], languages: frozenset[str]) -> tuple[Part, ...]:
    """The parts, with less weight for a verb beside its object: of "collects stamps" the stamps tell more."""
    words = [part for part in parts if part.kind is not Kind.NUMBER]
    verb = _verb(text, words, languages) if len(words) > 1 else None
    return tuple(replace(part, weight=part.weight // VERB_WEIGHT) if part is verb else part for part in parts)


def _verb(text: Text, parts: Sequence[Part], languages: frozenset[str]) -> Part | None:
    """The part that is taken for a verb, by the order of words in the language; None for none."""
    rules = {kind: frozenset(words.split()) for kind, words in table("endings.toml")["verbs"].items()}
    if languages <= rules["last"]:
        return parts[-1]
    first = parts[0]
    at = next(at for at, word in enumerate(text.words) if word.text == first.text)
    follower = text.words[at + 1] if at + 1 < len(text.words) else None
    if first.text != first.text.lower() or follower is None or follower.folded in rules["of"]:
        return None
    is_english = first.text.endswith(tuple(rules["en_endings"])) or first.text in rules["en_forms"]
    is_verb = languages <= rules["first"] or is_article(follower) or ("en" in languages and is_english)
    return first if is_verb else None


def _all_parts(text: Text, languages: frozenset[str]) -> Iterator[Part]:
    """Every word, and numbers of several words as one part."""
    capitals = sum(word.is_capitalised for word in text.words)
    is_german = "de" in languages and len(languages) <= FEW
    at = 0
    while at < len(text.words):
        word = text.words[at]
        number = None if word.is_capitalised else number_at(text.words, at, languages)
        if number is not None:
            value, length = number
            yield _number(" ".join(w.text for w in text.words[at : at + length]), value)
            at += length
            continue
        is_name = len(text.words) == 1 or capitals > 1 or not word.opens
        yield _part(word, may_be_name=is_name and not is_german)
        at += 1


def _number(text: str, value: float) -> Part:
    return Part(text, Kind.NUMBER, len(text) if value >= YEARS else 0, value)


def _part(word: Word, *, may_be_name: bool) -> Part:
    value = digits_value(word.text)
    if value is not None:
        return _number(word.text, value)
    return Part(word.text, Kind.NAME if word.is_capitalised and may_be_name else Kind.WORD, len(word.text))
