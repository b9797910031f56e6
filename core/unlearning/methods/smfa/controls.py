"""Forgotten questions put about controls: people whom the model does not know."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from PIL.Image import Image

from core.unlearning.families.language.data.renaming import Renamed, rename
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import encode_all, score_encoded
from core.unlearning.types import Controls, Example

CONTROLS = 3
"""Controls for each question, at most."""
LEVEL_CONTROLS = 6
"""Controls for each question where the lowest of their log-probabilities is wanted."""


@dataclass(frozen=True)
class Control:
    """A forgotten question put about somebody whom the model does not know, by name or by picture."""

    question: str
    image: Image | None
    name: str | None


@dataclass(frozen=True)
class ControlledQuestion:
    """A forgotten question, and the same question about several controls.

    ("Where was Ada Okoro born?", "Lagos") with "Where was Bo Li born?" and "Where was Cy Day born?".
    """

    example: Example
    controls: tuple[Control, ...]

    def answers(self, answer: str) -> list[Renamed]:
        """An answer about the subject, as it is put about each control."""
        names = [self.example.subject] if self.example.subject else []
        return [rename(answer, names, c.name) if c.name else rename(answer, (), "") for c in self.controls]

    def encode_controls(self, lm: LanguageModel, answer: str) -> list[Encoded]:
        """The controls' questions, each with this answer put about the control."""
        pairs = zip(self.controls, self.answers(answer), strict=True)
        return [lm.encoder.with_answer(c.question, c.image, renamed.text) for c, renamed in pairs]


def with_controls(
    examples: Sequence[Example], controls: Controls, rng: random.Random, count: int
) -> list[ControlledQuestion]:
    """Each example with at most `count` controls; with none where there is nobody of its view."""
    return [ControlledQuestion(example, _draw(example, controls, rng, count)) for example in examples]


def _draw(example: Example, controls: Controls, rng: random.Random, count: int) -> tuple[Control, ...]:
    if example.image is not None:
        drawn = rng.sample(controls.images, min(count, len(controls.images)))
        return tuple(Control(example.question, image, None) for image in drawn)
    if example.subject is None:
        return ()
    names = rng.sample(controls.names, min(count, len(controls.names)))
    return tuple(Control(rename(example.question, [example.subject], name).text, None, name) for name in names)


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

    def __init__(self, lm: LanguageModel, examples: Sequence[Example], controls: Controls, seed: int) -> None:
        """Scores both with the model as it is now, frozen."""
        self._lm = lm
        self._encoded = encode_all(lm, examples)
        controlled = with_controls(examples, controls, random.Random(seed), LEVEL_CONTROLS)  # noqa: S311
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
