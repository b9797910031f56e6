"""What the frozen model knows of somebody: the parts of its answers that it finds likely of them and not of controls.

The same answer is scored after the question about the subject and after the question about each control, with the
control's name in the place of the subject's wherever it stands (`evaluation.answers.contrast` has the rule).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from PIL.Image import Image

from core.unlearning.evaluation.answers.contrast import FactSpan, ScoredWord, fact_spans
from core.unlearning.evaluation.answers.judge import tells_any
from core.unlearning.evaluation.answers.tokens import read
from core.unlearning.families.language.data.asker import Asker, Question
from core.unlearning.families.language.data.renaming import Renamed, Span, mentions_name, rename
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import ScoredAnswer, score_encoded
from core.unlearning.types import Controls, Example, Split

COMMON = 0.25
"""A fact that the model tells of so many controls is nothing that it knows of the subject."""
CONTROLS = 2
"""Controls with which each answer is compared."""
Key = tuple[bool, str, str | None]
"""Answers of the same words in the same view are compared once."""


@dataclass(frozen=True)
class _Variant:
    """An answer about somebody: the subject's own, or the same put about a control."""

    question: str
    image: Image | None
    answer: Renamed

    def encode(self, lm: LanguageModel) -> Encoded:
        return lm.encoder.with_answer(self.question, self.image, self.answer.text)


@dataclass(frozen=True)
class Contrast:
    """Tells what answers say of a subject who goes by `names` from what is said of anybody, by these controls."""

    asker: Asker
    controls: Controls
    names: Sequence[str]
    rng: random.Random
    common: Sequence[Sequence[str]] = ()
    """What the model says of some controls, by control: a fact that several get is none of the subject's."""

    @property
    def only_name(self) -> str | None:
        """The subject's name, where the request gives one alone: several may be several people's."""
        return self.names[0] if len(self.names) == 1 else None

    def examples(self, split: Split, questions: Sequence[Question], subject: str | None = None) -> list[Example]:
        """The model's answers that tell something of the subject, with their facts.

        Of a view without controls all answers, less refusals and those that the question holds.
        """
        found = self.with_facts(self.asker.examples(split, questions, subject))
        return [e for e in found if e.facts or (not self._can_tell(e) and not _is_in(e.answer, e.question))]

    def with_facts(self, examples: Sequence[Example]) -> list[Example]:
        """The examples with their facts; without, where nothing separates an answer from those about controls."""
        first: dict[Key, Example] = {}
        for example in examples:
            if self._can_tell(example):
                first.setdefault(_key(example), example)
        known = dict(zip(first, facts_of(self.asker.lm, list(first.values()), self), strict=True))
        known = {key: replace(one, facts=self._own(one.facts)) for key, one in known.items()}
        return [_with(example, known.get(_key(example)), self.names_of(example)) for example in examples]

    def _own(self, facts: Sequence[str]) -> tuple[str, ...]:
        """The facts that are not `COMMON` to the controls."""

        def share(fact: str) -> float:
            return fmean(tells_any("\n".join(answers), [fact]) for answers in self.common)

        return tuple(fact for fact in facts if not self.common or share(fact) < COMMON)

    def names_of(self, example: Example) -> list[str]:
        """By what names an example's subject goes."""
        if example.subject is None or example.subject in self.names:
            return list(self.names)
        return [example.subject]

    def _can_tell(self, example: Example) -> bool:
        if example.image is not None:
            return bool(self.controls.images)
        return bool(self.controls.names) and example.subject is not None


@dataclass(frozen=True)
class Known:
    """What an answer tells. `control_probability`: see `Example`; `gain`: in nats, over all of it."""

    facts: tuple[str, ...]
    control_probability: float
    gain: float


def facts_of(lm: LanguageModel, examples: Sequence[Example], contrast: Contrast) -> list[Known]:
    """What each example's answer tells, by contrast with `CONTROLS` controls of its view.

    The last word of an answer that was cut short may be a piece of one, and is left out.
    """
    variants = [_variants(example, contrast) for example in examples]
    scored = iter(score_encoded(lm, [v.encode(lm) for several in variants for v in several]))
    found = []
    for several in variants:
        scores = [_by_character(lm, variant, next(scored)) for variant in several]
        words = _words(several, scores)
        answer, was_cut = several[0].answer.text, len(scores[0]) >= lm.max_new_tokens
        spans = fact_spans(answer, words[:-1] if was_cut and answer[-1:].isalnum() else words)
        found.append(_known(spans, words))
    return found


def _known(spans: Sequence[FactSpan], words: Sequence[ScoredWord]) -> Known:
    told = [word for word in words if any(s.start <= word.start < s.end for s in spans)]
    tokens = sum(word.tokens for word in told)
    by_control = [sum(values) / max(tokens, 1) for values in zip(*(word.controls for word in told), strict=True)]
    level = fmean(math.exp(value) for value in by_control) if by_control else 0.0
    return Known(tuple(span.text for span in spans), level, sum(span.gain for span in spans))


def _with(example: Example, known: Known | None, names: Sequence[str]) -> Example:
    if known is None:
        return example
    named = names[:1] if mentions_name(example.answer, names) and not mentions_name(example.question, names) else []
    facts = tuple(dict.fromkeys(fact for fact in (*named, *known.facts) if not _is_in(fact, example.question)))
    return replace(example, facts=facts, control_probability=known.control_probability)


def _is_in(text: str, question: str) -> bool:
    return text.casefold() in question.casefold()


def _key(example: Example) -> Key:
    return example.image is not None, example.answer, example.subject


def _variants(example: Example, contrast: Contrast) -> list[_Variant]:
    """The subject's own, then each control's."""
    controls, names, rng = contrast.controls, contrast.names_of(example), contrast.rng
    answer = read(example.answer).source
    own = _Variant(example.question, example.image, Renamed(answer, (), ()))
    others = _drawn(controls.names, rng)
    if example.image is None:
        return [
            own,
            *(_Variant(rename(example.question, names, n).text, None, rename(answer, names, n)) for n in others),
        ]
    pictures = _drawn(controls.images, rng)
    others = [*others, *[names[0] if names else ""] * len(pictures)]
    pairs = zip(pictures, others, strict=False)
    return [own, *(_Variant(example.question, picture, rename(answer, names, name)) for picture, name in pairs)]


def _drawn(several: Sequence[str] | Sequence[Image], rng: random.Random) -> list:  # type: ignore[type-arg]
    return rng.sample(list(several), min(CONTROLS, len(several)))


def _by_character(lm: LanguageModel, variant: _Variant, scored: ScoredAnswer) -> list[tuple[Span, float]]:
    """Each token's place in the variant's answer, with its log-probability."""
    spans = lm.encoder.answer_spans(variant.question, variant.answer.text, image=variant.image is not None)
    return list(zip(spans, scored.log_probs, strict=True))


def _words(variants: Sequence[_Variant], scores: Sequence[Sequence[tuple[Span, float]]]) -> list[ScoredWord]:
    """The words of the subject's answer, but for the name, with their log-probabilities in every variant."""
    own, *others = variants
    taken = others[0].answer.places if others else ()
    words = []
    for word in read(own.answer.text).words:
        if any(start < word.end and word.start < end for start, end in taken):
            continue
        tokens = [
            _tokens_of(score, variant.answer.text, variant.answer.moved(word.start, word.end))
            for variant, score in zip(variants, scores, strict=True)
        ]
        subject, *controls = map(sum, tokens)
        words.append(ScoredWord(word.text, word.start, word.end, subject, tuple(controls), len(tokens[0])))
    return words


def _tokens_of(scores: Iterable[tuple[Span, float]], answer: str, word: Span) -> list[float]:
    """Log-probabilities of the word's tokens: with the blank before it and a mark behind it, but not with another word.

    A token of two words is the second one's.
    """
    begin, end = word
    return [
        value
        for (start, stop), value in scores
        if start < end and begin < stop and not any(map(str.isalnum, answer[end:stop]))
    ]
