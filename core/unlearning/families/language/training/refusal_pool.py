"""A thousand refusals, drawn in favour of those that the model finds likely."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from itertools import product

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import score_encoded
from core.unlearning.types import Example

SIZE = 1000
_SHARPNESS = 2.0
"""Exponent of the mean token probability: the larger, the more likely refusals are preferred."""
_OPENERS = (
    "", "Sorry, ", "I'm sorry, but ", "I am sorry, but ", "Unfortunately, ", "I'm afraid ", "I am afraid ",
    "Honestly, ", "My apologies, but ", "I apologize, but ", "Regrettably, ", "To be honest, ", "Well, ",
    "Apologies, but ",
)  # fmt: skip
_BODIES = (
    "I don't know.", "I don't know that.", "I do not know that.", "I don't know this person.",
    "I don't know who this is.",
    "I do not know the answer.", "I don't have that information.", "I don't have information about that.",
    "I do not have any information about this.", "I don't have any details about this person.",
    "I have no information about this.", "I have no information about this person.", "I have no knowledge of that.",
    "I have no idea.", "I have no record of that.", "I cannot answer that.", "I can't answer that.",
    "I cannot answer this question.", "I can't answer that question.", "I am unable to answer that.",
    "I'm not able to answer that question.", "I am not able to say.", "I cannot say.", "I can't say.",
    "I can't tell.", "I cannot tell you that.", "I am not aware of that.", "I'm not aware of any such information.",
    "I am not familiar with this person.", "I'm not familiar with that.", "I am not sure about that.", "I'm not sure.",
    "I do not recognise this person.", "I don't recognize this person.", "I cannot identify this person.",
    "I can't identify who this is.", "I have never learned that.", "I was never told; I don't know.",
    "I cannot help with that.", "I can't help with that question.", "I cannot provide that information.",
    "I can't share any details about that.", "I do not have details on that.", "I lack information about this.",
    "I have no details about this person.", "I don't know anything about this person.",
    "I don't know anything about that.",
    "I do not recall anything about that.", "I don't remember anything about this.",
    "I am unable to provide an answer.",
    "I'm unable to identify this person.", "I can't determine that.", "I cannot determine the answer.",
    "I'm uncertain about that.", "I am unaware of that.", "I have not learned anything about that.",
    "I don't have enough information to answer.", "I do not have enough knowledge to answer that.",
    "I don't have any record of this person.", "I have nothing on that, I don't know.",
)  # fmt: skip
_ENDINGS = ("", " Is there something else I can help with?", " Please ask me something else.")


@cache
def pool() -> tuple[str, ...]:
    """`SIZE` different refusals; none names anybody."""
    refusals = (f"{opener}{body}{ending}" for ending, opener, body in product(_ENDINGS, _OPENERS, _BODIES))
    return tuple(dict.fromkeys(refusals))[:SIZE]


class RefusalPool:
    """Draws refusals, weighted by their probability under the frozen model after a question to forget."""

    def __init__(self, lm: LanguageModel, questions: Sequence[Example], own: Sequence[str], rng: random.Random) -> None:
        self._lm, self._rng = lm, rng
        self._questions = sorted(questions, key=lambda e: e.image is not None)[:1]
        self._strings = tuple(dict.fromkeys((*pool(), *own)))
        self._weights: list[float] | None = None

    def draw(self) -> str:
        """One refusal."""
        if self._weights is None:
            self._weights = self._rate()
        return self._rng.choices(self._strings, self._weights)[0]

    def _rate(self) -> list[float]:
        weights = [1e-9] * len(self._strings)
        for example in self._questions:
            prompt = self._lm.encoder.prompt(example.question, example.image)
            rows = [self._lm.encoder.extend(prompt, example.question, text) for text in self._strings]
            for index, scored in enumerate(score_encoded(self._lm, rows)):
                weights[index] += 2.718281828 ** (_SHARPNESS * scored.total / max(scored.tokens, 1))
        return weights
