"""Ask the frozen model, each question once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL.Image import Image

from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.families.language.model.generate import generate
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import score
from core.unlearning.types import Example, Split

Question = tuple[str, Image | None]
_MAX_ROUNDS = 12
"""Rounds in which further refusal openers are looked for, at most."""
_SURE = 0.5
_SAMPLE = 8
"""Questions that are tried in a round."""


class Asker:
    """The model's answers before unlearning, by question and picture."""

    def __init__(self, lm: LanguageModel) -> None:
        self.lm = lm
        self._answers: dict[tuple[str, int], tuple[str, Image | None]] = {}
        self._refusals: set[int] = set()
        """First tokens of the refusals seen so far."""

    def ask(self, questions: Sequence[Question]) -> list[str]:
        """Greedy answers, in order."""
        new = {(q, id(i)): (q, i) for q, i in questions if (q, id(i)) not in self._answers}
        if new:
            answers = generate(self.lm, list(new.values()))
            for (key, (_, image)), answer in zip(new.items(), answers, strict=True):
                # The picture is stored too: while it lives, no other object gets its id.
                self._answers[key] = (answer, image)
        return [self._answers[q, id(i)][0] for q, i in questions]

    def ask_without_refusing(self, questions: Sequence[Question], *, instead_of: Sequence[str] = ()) -> list[str]:
        """Greedy answers whose first token may not be one of `refusal_openers`."""
        return generate(self.lm, questions, never_first=self.refusal_openers(questions, instead_of=instead_of))

    def refusal_openers(self, questions: Sequence[Question], *, instead_of: Sequence[str] = ()) -> list[int]:
        """First tokens of the model's refusals to a sample of these questions, and of the answers `instead_of`."""
        pictured = any(image is not None for _, image in questions)
        openings = self._refusals | {self.lm.encoder.answer_ids("", a, image=pictured)[0] for a in instead_of}
        for _ in range(_MAX_ROUNDS):
            answers = generate(self.lm, questions[:_SAMPLE], never_first=sorted(openings))
            declined = [(q, i, a) for (q, i), a in zip(questions, answers, strict=False) if is_refusal(a, q)]
            if not declined:
                break
            self._refusals |= {self.lm.encoder.answer_ids(q, a, image=i is not None)[0] for q, i, a in declined}
            openings |= self._refusals
        return sorted(openings)

    def sure(self, examples: Sequence[Example]) -> list[Example]:
        """Those whose answers' tokens have a probability of at least `_SURE`, geometric mean.

        What the model is not sure of changes its words with any change to the model, so that it shows no harm.
        """
        scores = score(self.lm, examples)
        return [e for e, s in zip(examples, scores, strict=True) if s.mean_of_words >= math.log(_SURE)]

    def examples(self, split: Split, questions: Sequence[Question], subject: str | None = None) -> list[Example]:
        """The model's answers as examples; empty and declined ones are left out."""
        answers = self.ask(questions)
        pairs = zip(questions, answers, strict=True)
        return [Example(split, q, a, i, subject) for (q, i), a in pairs if a and not is_refusal(a, q)]
