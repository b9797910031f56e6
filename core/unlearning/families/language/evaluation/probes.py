"""The probes of an evaluation: examples with wrong answers to compare with, and pairs that no model has learned."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.families.language.evaluation.metrics.exact import normalise
from core.unlearning.types import Example, Level, Split

WRONG_ANSWERS = {"quick": 1, "standard": 3, "thorough": 5}
QUICK_CAP = 40
"""Examples of a split at level `quick`."""
COMPARED = {"quick": 20, "standard": 60, "thorough": 200}
"""Questions of a split that are compared with wrong answers: scoring those is most of an evaluation's work."""
FORGET_MEMORY: tuple[Split, ...] = ("forget_image_memory", "forget_text_memory")
_PERSON = "the person"


@dataclass(frozen=True)
class Probe:
    """One question with the wrong answers that are scored beside the right one."""

    example: Example
    wrong: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there is something to recall: the recorded answer is none when the model declined from the start."""
        return self.example.split != "declined" and not is_refusal(self.example.answer, self.example.question)


def question_kind(example: Example) -> str:
    """The question without the subject's name: the same for "What is Ada's job?" and "What is Bo's job?"."""
    if not example.subject:
        return normalise(example.question)
    return normalise(re.sub(re.escape(example.subject), _PERSON, example.question, flags=re.IGNORECASE))


def select_examples(examples: Sequence[Example], level: Level) -> list[Example]:
    """All examples; at level `quick` at most `QUICK_CAP` of each split, always the same."""
    if level != "quick":
        return list(examples)
    kept = _sample_each_split(examples, QUICK_CAP)
    return [example for index, example in enumerate(examples) if index in kept]


def _sample_each_split(examples: Sequence[Example], cap: int) -> set[int]:
    """Indices, drawn with a fixed seed: even distances would fall in step with lists that repeat."""
    by_split: dict[Split, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        by_split[example.split].append(index)
    draw = random.Random(0)  # noqa: S311
    return {index for places in by_split.values() for index in draw.sample(places, min(cap, len(places)))}


def probes(examples: Sequence[Example], level: Level) -> list[Probe]:
    """Each example with wrong answers: given to the same kind of question, failing that to others of its split."""
    same_kind, same_split = _answers_by(examples, question_kind), _answers_by(examples, lambda example: example.split)
    compared = _sample_each_split(examples, COMPARED[level])
    return [
        Probe(example, _wrong(example, same_kind[question_kind(example)], same_split[example.split], level))
        if index in compared
        else Probe(example)
        for index, example in enumerate(examples)
    ]


def non_members(examples: Sequence[Example], split: Split) -> list[Example]:
    """Pairs like those of the forget `split`, about people the model never learned: a `declined` question, or failing
    that a forgotten question on a declined picture or name, with an answer that somebody else gave to it.
    """
    forgotten = [example for example in examples if example.split == split]
    others = [example for example in examples if example.split not in ("declined", *FORGET_MEMORY)]
    answers = _answers_by(others, question_kind)
    for kind, given in _answers_by(forgotten, question_kind).items():
        answers[kind] = answers[kind] or given
    with_image = split == "forget_image_memory"
    strangers = [e for e in examples if e.split == "declined" and (e.image is not None) == with_image]
    pairs = (_stranger_pair(stranger, index, forgotten, answers) for index, stranger in enumerate(strangers))
    return [pair for pair in pairs if pair is not None]


def _stranger_pair(
    stranger: Example, index: int, forgotten: Sequence[Example], answers: dict[str, list[str]]
) -> Example | None:
    asked = stranger if answers.get(question_kind(stranger)) else _on_stranger(stranger, index, forgotten)
    pool = answers.get(question_kind(asked)) if asked else None
    return replace(asked, answer=pool[index % len(pool)]) if asked and pool else None


def _on_stranger(stranger: Example, index: int, forgotten: Sequence[Example]) -> Example | None:
    if not forgotten:
        return None
    donor = forgotten[index % len(forgotten)]
    if stranger.image is not None:
        return replace(stranger, question=donor.question, subject=donor.subject)
    if not stranger.subject or not donor.subject:
        return None
    name = stranger.subject
    return replace(stranger, question=re.sub(re.escape(donor.subject), lambda _: name, donor.question, flags=re.I))


def _answers_by(examples: Iterable[Example], key: Callable[[Example], str]) -> dict[str, list[str]]:
    """Distinct answers by key, in order of appearance; refusals are no answers."""
    pools: dict[str, dict[str, str]] = defaultdict(dict)
    for example in examples:
        if example.split != "declined" and not is_refusal(example.answer, example.question):
            pools[key(example)].setdefault(normalise(example.answer), example.answer)
    return defaultdict(list, {kind: list(answers.values()) for kind, answers in pools.items()})


def _wrong(example: Example, same_kind: Sequence[str], same_split: Sequence[str], level: Level) -> tuple[str, ...]:
    right = normalise(example.answer)
    for pool in (same_kind, same_split):
        wrong = [answer for answer in pool if normalise(answer) != right]
        if wrong:
            draw = random.Random(f"{example.split}|{example.question}|{right}")  # noqa: S311
            return tuple(draw.sample(wrong, min(WRONG_ANSWERS[level], len(wrong))))
    return ()
