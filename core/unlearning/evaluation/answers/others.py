"""Whether something is said of somebody else than the subject: "her brother is a baker", "Ben Ito is a baker"."""

from __future__ import annotations

from collections.abc import Sequence

from core.unlearning.evaluation.answers.clauses import clause_at, units
from core.unlearning.evaluation.answers.facts import Fact
from core.unlearning.evaluation.answers.folding import folded, is_unspaced
from core.unlearning.evaluation.answers.languages import words_of
from core.unlearning.evaluation.answers.names import is_article, is_no_name, is_person_at, is_word_too, telling_words
from core.unlearning.evaluation.answers.search import Found
from core.unlearning.evaluation.answers.tokens import Span, Text, Word

_READ = frozenset({"de", "en"})
"""Languages whose light words are nobody's first name: "Ben" is one in Turkish."""
NAME_WORDS = 2
"""So many words with capital letters in a row are somebody's name."""
WHOSE = 2
"""So many words after "the husband" may say whose: "of Ada"."""


def is_of_another(text: Text, found: Found, names: Sequence[str], facts: Sequence[Span], question: Text) -> bool:
    """Whether the clause of `found` begins with somebody else. `facts`: everything found, which names nobody else.

    Where the question does not name the subject, a wrong name is a wrong answer about the subject.
    """
    before = [at for at in range(_beginning(text, found.start), len(text.words)) if text.words[at].end <= found.start]
    asks_of_kin = any(word.folded in words_of("kin", question.languages) for word in question.words)
    kin = None if asks_of_kin or _is_of_kin(found.fact) else _last_kin(text, before)
    stranger = _last_stranger(text, before, names, facts) if _names_subject(question, names) else None
    other = max((at for at in (kin, stranger) if at is not None), default=None)
    if other is None:
        return False
    return not any(_is_subject(text, at, names) for at in before if at > other + (WHOSE if other == kin else 0))


def _names_subject(question: Text, names: Sequence[str]) -> bool:
    said = {word.folded for word in question.words}
    return any(folded(word) in said for name in names for word in telling_words(name))


def _beginning(text: Text, position: int) -> int:
    """The first word of the clause at a position, and of the one before if it hangs on that."""
    clauses = units(text)[0]
    at = clauses.index(clause_at(text, position))
    first = text.words[clauses[at][0]]
    hangs = at and not first.opens and (first.folded in words_of("who", text.languages) or is_article(first))
    return clauses[at - 1 if hangs else at][0]


def _is_of_kin(fact: Fact) -> bool:
    """Whether the fact is itself about the subject's relations: "three sisters"."""
    return any(folded(part.text) in words_of("kin") for part in fact.parts)


def _last_kin(text: Text, before: Sequence[int]) -> int | None:
    """The last word for somebody's relation that the clause does not begin with "she and ..."."""
    kin = words_of("kin", text.languages)
    at = next((at for at in reversed(before) if _is_kin(text, at, kin)), None)
    if at is None:
        return None
    return None if _is_led(text, [i for i in before if i < at]) or _is_predicate(text, at) else at


def _is_predicate(text: Text, at: int) -> bool:
    """Whether the subject is what stands there: "is the mother of", "es madre de"."""
    ahead = [word.folded for word in text.words[max(0, at - 2) : at]]
    return bool(ahead) and (
        ahead[-1] in words_of("copula", text.languages)
        or (ahead[0] in words_of("copula", text.languages) and is_article(text.words[at - 1]))
    )


def _is_kin(text: Text, at: int, kin: frozenset[str]) -> bool:
    """Whether a word is of the list, or in a script without blanks ends in one of it: お兄さん, พี่ชาย."""
    word = text.words[at]
    if not is_unspaced(word.text):
        return word.folded in kin
    until = text.source[: word.end]
    return any(until.endswith((relation, relation + "さん")) for relation in kin)


def _is_led(text: Text, before: Sequence[int]) -> bool:
    """Whether a pronoun for the subject comes first: "she and her brother"."""
    he = words_of("he", text.languages)
    return any(text.words[at].folded in he and not _is_possessive(text, at) for at in before)


def _is_possessive(text: Text, at: int) -> bool:
    """Chinese writes "he" for "his": 他弟弟."""
    return is_unspaced(text.words[at].text) and text.words[at + 1].folded in words_of("kin", text.languages)


def _last_stranger(text: Text, before: Sequence[int], names: Sequence[str], facts: Sequence[Span]) -> int | None:
    """The last word of another's name: words with capital letters that are in no fact and no name of the subject."""
    run: list[int] = []
    found = None
    for at in before:
        word = text.words[at]
        is_in_fact = any(start <= word.start < end for start, end in facts)
        if word.is_capitalised and not is_in_fact and not _is_light(text, word) and not _is_name(text, at, names):
            run.append(at)
            found = at if len(run) >= NAME_WORDS and not _is_led(text, [i for i in before if i < run[0]]) else found
        else:
            run = []
    return found


def _is_light(text: Text, word: Word) -> bool:
    """Whether a capital letter says nothing: of an article, or of an "On" at the beginning of a sentence."""
    spoken = _READ & text.languages
    opener = word.opens and bool(spoken) and word.folded in words_of("light", spoken)
    return is_no_name(word) or (opener and ("de" in spoken or not is_word_too(word)))


def _is_subject(text: Text, at: int, names: Sequence[str]) -> bool:
    return text.words[at].folded in words_of("he", text.languages) or _is_name(text, at, names)


def _is_name(text: Text, at: int, names: Sequence[str]) -> bool:
    words = (word for name in names for word in telling_words(name))
    return any(folded(word) == text.words[at].folded or is_person_at(text, at, word) for word in words)
