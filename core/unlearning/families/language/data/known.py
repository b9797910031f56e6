"""Whether the model knows the subject at all: its answers must tell more of them than of controls.

Every person is treated alike: each is asked the same questions, and each one's own answers are compared with the same
answers about others. Of a model that learned nothing of the subject, the subject's answers are as one of the controls',
so that the people can change places within each question: a permutation test (Fisher, 1935; Good, 2005, chapter 3).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TypeVar

from PIL.Image import Image

from core.unlearning.families.language.data.asker import Question
from core.unlearning.families.language.data.facts import Contrast, facts_of
from core.unlearning.families.language.data.questions import QuestionSet
from core.unlearning.families.language.data.renaming import rename
from core.unlearning.types import Example, Split

T = TypeVar("T")

QUESTIONS = 5
"""Questions that everybody is asked."""
PEOPLE = 12
"""Controls that are asked, at most: of so many, two answers that nobody else has show that a subject is known."""
_LEVEL = 0.01
"""From this chance on that a control stands out as much, the subject does not."""
_FACTOR = 2.0
"""So many times as much must the answers tell of the subject as of a control, mean over the questions."""
_SHUFFLES = 4999


@dataclass(frozen=True)
class Found:
    """Whether the model knows the subject, and what it says of each control."""

    is_known: bool
    of_controls: tuple[tuple[str, ...], ...]


def by_name(contrast: Contrast, questions: QuestionSet, name: str) -> Found:
    """Asks about that name, by which the subject goes, and about as many of the controls' as `PEOPLE`."""
    asked = _some(questions, contrast.rng)
    people = [_Person(contrast, [(q, None) for q in asked], name)]
    for other in _some_people(contrast.controls.names, contrast.rng):
        names = tuple(n for n in contrast.controls.names if n != other)
        theirs = replace(contrast, names=[other], controls=replace(contrast.controls, names=names))
        people.append(_Person(theirs, [(rename(q, contrast.names, other).text, None) for q in asked], other))
    return _compare(people)


def by_picture(contrast: Contrast, questions: QuestionSet, pictures: Sequence[Image]) -> Found:
    """Asks about pictures of the subject and about the controls' pictures."""
    asked = _some(questions, contrast.rng)
    images = contrast.controls.images
    people = [_Person(contrast, [(q, contrast.rng.choice(pictures)) for q in asked], None)]
    for other in _some_people(images, contrast.rng):
        rest = tuple(image for image in images if image is not other) or tuple(pictures[:1])
        theirs = replace(contrast, controls=replace(contrast.controls, images=rest))
        people.append(_Person(theirs, [(q, other) for q in asked], None))
    return _compare(people)


@dataclass(frozen=True)
class _Person:
    """Somebody who is asked about, with those whom they are compared with."""

    contrast: Contrast
    asked: Sequence[Question]
    name: str | None

    def answers(self) -> list[str]:
        return self.contrast.asker.ask(self.asked)

    def gains(self) -> list[float]:
        """By how much each answer is likelier of this person than of others, in nats over its facts."""
        split: Split = "forget_text_memory" if self.asked[0][1] is None else "forget_image_memory"
        pairs = zip(self.asked, self.answers(), strict=True)
        rows = [Example(split, question, answer or "-", image, self.name) for (question, image), answer in pairs]
        return [known.gain for known in facts_of(self.contrast.asker.lm, rows, self.contrast)]


def _compare(people: Sequence[_Person]) -> Found:
    people[0].contrast.asker.ask([question for person in people for question in person.asked])
    is_known = stands_out([person.gains() for person in people], people[0].contrast.rng)
    return Found(is_known, tuple(tuple(person.answers()) for person in people[1:]))


def stands_out(gains: Sequence[Sequence[float]], rng: random.Random) -> bool:
    """Whether the first person's gains, one for each question, are above all others' beyond chance."""
    subject, *others = gains
    if not others or fmean(subject) <= _FACTOR * fmean(fmean(other) for other in others):
        return False
    by_question = list(zip(*gains, strict=True))
    observed = sum(subject)
    as_high: int = sum(sum(rng.choice(values) for values in by_question) >= observed for _ in range(_SHUFFLES))
    return 1 + as_high <= _LEVEL * (1 + _SHUFFLES)


def _some(questions: QuestionSet, rng: random.Random) -> list[str]:
    """The request's own, and as many of Lethe's as are missing: by few questions nobody can stand out."""
    own = rng.sample(questions.own, min(QUESTIONS, len(questions.own)))
    return [*own, *rng.sample(questions.added, min(QUESTIONS - len(own), len(questions.added)))]


def _some_people(controls: Sequence[T], rng: random.Random) -> list[T]:
    return rng.sample(list(controls), min(PEOPLE, len(controls)))
