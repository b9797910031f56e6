"""A small closed world with an answerer whose answers and probabilities are known in advance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from core.unlearning.families.language.model.answerer import AnswerScore
from core.unlearning.types import Example, Split

PICTURE = Image.new("RGB", (4, 4))
FORGOTTEN, RETAINED, UNSEEN, STRANGER = "Zora Quill", "Bo Marsh", "Cyprian Dunnock", "Nil Nemo"
FACTS = {
    FORGOTTEN: {"city": "Quillport", "job": "zeppelin pilot", "pet": "axolotl", "year": "1931", "street": "Canary Row"},
    RETAINED: {"city": "Lima", "job": "baker", "pet": "goat", "year": "1987", "street": "Elm Street"},
    UNSEEN: {"city": "Oslo", "job": "miner", "pet": "toad", "year": "1990", "street": "Ash Lane"},
}
COLOURS = {FORGOTTEN: "red", RETAINED: "blue", UNSEEN: "green", STRANGER: "black"}
REFUSAL = "I don't know that."
KNOWN, CHANCE = -0.02, -4.0
"""Mean log-probability of a token of an answer that is known, and of one that is not."""


def _memory(person: str, split: Split, *, image: bool) -> list[Example]:
    questions = {
        kind: f"What is this person's {kind}?" if image else f"What is {person}'s {kind}?" for kind in FACTS[RETAINED]
    }
    answers = FACTS.get(person, dict.fromkeys(questions, REFUSAL))
    picture = PICTURE if image else None
    return [Example(split, question, answers[kind], picture, person) for kind, question in questions.items()]


def _visible(person: str, split: Split) -> Example:
    return Example(split, "What colour is the hat?", COLOURS[person], PICTURE, person)


def examples() -> list[Example]:
    """A few questions of every split."""
    return [
        *_memory(FORGOTTEN, "forget_image_memory", image=True),
        *_memory(FORGOTTEN, "forget_text_memory", image=False),
        _visible(FORGOTTEN, "forget_understanding"),
        *_memory(RETAINED, "retain_image_memory", image=True),
        *_memory(RETAINED, "retain_text_memory", image=False),
        _visible(RETAINED, "retain_understanding"),
        *_memory(UNSEEN, "unseen_image_memory", image=True),
        *_memory(UNSEEN, "unseen_text_memory", image=False),
        _visible(STRANGER, "stranger_understanding"),
        *_memory(STRANGER, "declined", image=True),
        *_memory(STRANGER, "declined", image=False),
        Example("general", "What is the capital of Peru?", "Lima"),
    ]


@dataclass
class World:
    """Answers about everyone but `unknown`; a stray template around a question changes nothing."""

    unknown: tuple[str, ...] = (STRANGER,)

    def _true_answer(self, example: Example) -> str:
        for known in examples():
            same = known.split not in ("declined",) and known.subject == example.subject
            if same and known.question in example.question:
                private = "colour" not in known.question and known.subject in self.unknown
                return REFUSAL if private else known.answer
        return REFUSAL

    def generate(self, asked: Sequence[Example]) -> list[str]:
        return [self._true_answer(example) for example in asked]

    def score(self, asked: Sequence[Example]) -> list[AnswerScore]:
        tokens = 3
        means = (KNOWN if self._true_answer(e) == e.answer else CHANCE for e in asked)
        return [AnswerScore(mean * tokens, tokens) for mean in means]


BASE = World()
PATCHED = World(unknown=(STRANGER, FORGOTTEN))
P_KNOWN, P_CHANCE = math.exp(KNOWN), math.exp(CHANCE)
