"""What a model knows of a subject, by contrast: the words of an answer that it finds likely of the subject alone.

The answer is scored after the question about the subject, and after the same question about each of several controls,
whom the model does not know. A word that is as likely of them says nothing of the subject, however likely it is ("She
is a"). A word that only the subject makes likely begins a fact. What follows it is often likely of the controls too,
since the answer up to there is given ("Harrow" makes "Bay" likely), so it belongs to the fact as long as that goes on:
up to a mark, or to light words behind which no further word stands out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.evaluation.answers.languages import words_of

STANDS_OUT = log(10)
"""A word begins a fact when the subject makes it so much likelier, in nats: ten times."""
GOES_ON = log(1.5)
"""A word goes on with a fact when the subject still makes it likelier by this, or when `FOLLOWS`."""
FOLLOWS = log(0.5)
"""So likely of the subject, and of the controls too, is what the word before makes sure."""
BRIDGE = 2
"""So many light words may stand inside a fact: "president of the republic"."""


@dataclass(frozen=True)
class ScoredWord:
    """A word at [start, end) of an answer and the log-probabilities of its tokens, summed, in nats."""

    text: str
    start: int
    end: int
    subject: float
    controls: tuple[float, ...]
    """One for each control; not empty."""
    tokens: int = 1
    """How many tokens the word has."""

    @property
    def gain(self) -> float:
        """Log p(word | subject) - log mean p(word | control)."""
        highest = max(self.controls)
        return self.subject - highest - log(fmean(exp(value - highest) for value in self.controls))


@dataclass(frozen=True)
class FactSpan:
    """A fact at [start, end) of an answer. `gain`: in nats, summed over its words."""

    text: str
    start: int
    end: int
    gain: float


def fact_spans(answer: str, words: Sequence[ScoredWord]) -> list[FactSpan]:
    """The facts of an answer: contiguous words, none of them light at either end."""
    found: list[FactSpan] = []
    at = 0
    while at < len(words):
        if not _begins(words[at]):
            at += 1
            continue
        last = _last_of(answer, words, at)
        first, at = at, last + 1
        gain = sum(word.gain for word in words[first:at])
        found.append(FactSpan(answer[words[first].start : words[last].end], words[first].start, words[last].end, gain))
    return found


def _begins(word: ScoredWord) -> bool:
    return word.gain >= STANDS_OUT and not _is_light(word)


def _last_of(answer: str, words: Sequence[ScoredWord], first: int) -> int:
    """The last word of the fact that begins at `first`."""
    last = first
    for at in range(first + 1, len(words)):
        if answer[words[at - 1].end : words[at].start].strip(" -'\u2019") or at - last > BRIDGE + 1:
            break
        if _is_light(words[at]):
            continue
        is_joined = at == last + 1 and _goes_on(words[at])
        if not (is_joined or words[at].gain >= STANDS_OUT):
            break
        last = at
    return last


def _goes_on(word: ScoredWord) -> bool:
    return word.gain >= GOES_ON or min(word.subject, *word.controls) >= FOLLOWS


def _is_light(word: ScoredWord) -> bool:
    """Whether the word is one of every sentence; numbers and names are not."""
    is_name = word.text[:1].isupper() and word.start > 0
    return not is_name and folded(word.text) in words_of("light")
