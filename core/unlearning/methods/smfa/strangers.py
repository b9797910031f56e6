"""A forgotten question as it would be put about somebody unknown, and how likely its answer is there."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from PIL.Image import Image

from core.unlearning.families.mllm.data.questions import replace_name
from core.unlearning.families.mllm.model.encoded import Encoded
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.model.score import encode_all, score_encoded
from core.unlearning.types import Example

STRANGERS = 3
"""Pictures or names that a forgotten subject is compared with, for each question."""
LEVELS = 6
"""The same where the lowest of them is looked for."""


@dataclass(frozen=True)
class Counterfactual:
    """A forgotten question, and the same one about several strangers."""

    example: Example
    asked: tuple[tuple[str, Image | None], ...]

    def encoded(self, lm: MultimodalLM, answer: str) -> list[Encoded]:
        """The strangers' questions, each with this answer."""
        prompts = [lm.encoder.prompt(question, image) for question, image in self.asked]
        return [lm.encoder.extend(prompt, self.example.question, answer) for prompt in prompts]


def counterfactuals(
    examples: Sequence[Example], declined: Sequence[Example], rng: random.Random, count: int = STRANGERS
) -> list[Counterfactual]:
    """With `count` strangers at most from what the retain set marks as declined, where there are any."""
    return [Counterfactual(example, _strangers(example, declined, rng, count)) for example in examples]


def _strangers(
    example: Example, declined: Sequence[Example], rng: random.Random, count: int
) -> tuple[tuple[str, Image | None], ...]:
    if example.image is not None:
        images = list({id(e.image): e.image for e in declined if e.image is not None}.values())
        return tuple((example.question, i) for i in rng.sample(images, min(count, len(images))))
    names = list({e.subject: None for e in declined if e.image is None and e.subject})
    if example.subject is None:
        return ()
    drawn = rng.sample(names, min(count, len(names)))
    return tuple((replace_name(example.question, example.subject, name), None) for name in drawn)


def levels(lm: MultimodalLM, pairs: Sequence[Counterfactual]) -> list[float | None]:
    """Log p of each example's answer said of a stranger, the lowest of its strangers'; None without any.

    Not their mean: the model has learned the subject's answers, and finds them likelier of anybody than one that never
    did. On the reference world the mean leaves members of the image view about a nat too likely for each token.
    """
    rows = [row for pair in pairs for row in pair.encoded(lm, pair.example.answer)]
    found = iter(score_encoded(lm, rows))
    scored = [[next(found).total for _ in pair.asked] for pair in pairs]
    return [min(several, default=None) for several in scored]


class Excess:
    """How much of what makes the subject's answers likelier than a stranger's is left, on held-out questions."""

    def __init__(self, lm: MultimodalLM, asked: Sequence[Example], declined: Sequence[Example], seed: int) -> None:
        """Both are put to the model as it is now, frozen."""
        self._lm = lm
        self._asked = encode_all(lm, asked)
        self._levels = levels(lm, counterfactuals(asked, declined, random.Random(seed), LEVELS))  # noqa: S311
        self._before = self._above()

    def left(self, *, images: bool | None = None) -> float:
        """The mean over the questions of the nats above a stranger's level, as a share of what they were: 0 to 1.

        `images`: only questions with pictures, or only those without.
        """
        before, now, views = self._before, self._above(), [bool(row.vision) for row in self._asked]
        pairs = [(b, n) for b, n, view in zip(before, now, views, strict=True) if b > 0 and images in (None, view)]
        return fmean(min(1.0, n / b) for b, n in pairs) if pairs else 0.0

    def _above(self) -> list[float]:
        """Of a question without strangers to compare with: 0."""
        told = score_encoded(self._lm, self._asked)
        pairs = zip(told, self._levels, strict=True)
        return [0.0 if level is None else max(0.0, scored.total - level) for scored, level in pairs]
