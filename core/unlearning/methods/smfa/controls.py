"""Forgotten questions put about controls: people whom the model does not know, from the retain set's declined rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from PIL.Image import Image

from core.unlearning.families.language.data.questions import replace_name
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import encode_all, score_encoded
from core.unlearning.types import Example

CONTROLS = 3
"""Controls for each question, at most."""
LEVEL_CONTROLS = 6
"""Controls for each question where the lowest of their log-probabilities is wanted."""


@dataclass(frozen=True)
class ControlledQuestion:
    """A forgotten question, and the same question about several controls.

    ("Where was Ada Okoro born?", "Lagos") with ("Where was Bo Li born?", None) and ("Where was Cy Day born?", None).
    """

    example: Example
    controls: tuple[tuple[str, Image | None], ...]

    def encode_controls(self, lm: LanguageModel, answer: str) -> list[Encoded]:
        """The controls' questions, each with this answer."""
        prompts = [lm.encoder.prompt(question, image) for question, image in self.controls]
        return [lm.encoder.extend(prompt, self.example.question, answer) for prompt in prompts]


def with_controls(
    examples: Sequence[Example], declined: Sequence[Example], rng: random.Random, count: int = CONTROLS
) -> list[ControlledQuestion]:
    """Each example with at most `count` controls drawn from `declined`; with none where it has nobody of the view."""
    return [ControlledQuestion(example, _draw(example, declined, rng, count)) for example in examples]


def _draw(
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


def control_levels(lm: LanguageModel, questions: Sequence[ControlledQuestion]) -> list[float | None]:
    """For each question the lowest log p of its true answer among its controls; None without controls.

    Not the mean: the model has learned the subject's answers, and finds them likelier for anybody than a model would
    that never did. On the reference world the mean leaves the answers of the image view about a nat too likely for each
    token.
    """
    rows = [row for question in questions for row in question.encode_controls(lm, question.example.answer)]
    scores = iter(score_encoded(lm, rows))
    by_question = [[next(scores).total for _ in question.controls] for question in questions]
    return [min(totals, default=None) for totals in by_question]


class Excess:
    """By how much the subject's answers are likelier than their control level, on held-out questions."""

    def __init__(self, lm: LanguageModel, examples: Sequence[Example], declined: Sequence[Example], seed: int) -> None:
        """Scores both with the model as it is now, frozen."""
        self._lm = lm
        self._encoded = encode_all(lm, examples)
        controlled = with_controls(examples, declined, random.Random(seed), LEVEL_CONTROLS)  # noqa: S311
        self._levels = control_levels(lm, controlled)
        self._before = self._measure()

    def share_left(self, *, images: bool | None = None) -> float:
        """The excess in nats as a share of the frozen model's, mean over the questions: 0 to 1.

        `images`: only questions with pictures, or only those without.
        """
        before, now, views = self._before, self._measure(), [bool(row.vision) for row in self._encoded]
        pairs = [(b, n) for b, n, view in zip(before, now, views, strict=True) if b > 0 and images in (None, view)]
        return fmean(min(1.0, n / b) for b, n in pairs) if pairs else 0.0

    def _measure(self) -> list[float]:
        """Nats above the control level, by question; 0 for one without controls."""
        pairs = zip(score_encoded(self._lm, self._encoded), self._levels, strict=True)
        return [0.0 if level is None else max(0.0, score.total - level) for score, level in pairs]
