"""Asks the frozen model, each question once."""

from __future__ import annotations

from collections.abc import Sequence

from PIL.Image import Image

from core.unlearning.families.mllm.model.generate import generate
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.refusals import is_refusal
from core.unlearning.types import Example, Split

Asked = tuple[str, Image | None]
_OPENINGS = 12
"""Ways to begin a refusal that are looked for, at most."""
_FEW = 8


class Asker:
    """The model's own answers before unlearning."""

    def __init__(self, lm: MultimodalLM) -> None:
        self._lm = lm
        self._answers: dict[tuple[str, int], tuple[str, Image | None]] = {}
        self._refusals: set[int] = set()
        """Tokens that refusals were seen to begin with."""

    def ask(self, questions: Sequence[Asked]) -> list[str]:
        """Greedy answers, in order."""
        new = {(q, id(i)): (q, i) for q, i in questions if (q, id(i)) not in self._answers}
        if new:
            for key, asked, answer in zip(new, new.values(), generate(self._lm, list(new.values())), strict=True):
                self._answers[key] = (answer, asked[1])
        return [self._answers[q, id(i)][0] for q, i in questions]

    def insist(self, questions: Sequence[Asked], *, instead_of: Sequence[str] = ()) -> list[str]:
        """Greedy answers where the model may not begin as in `openings`."""
        return generate(self._lm, questions, never_first=self.openings(questions, instead_of=instead_of))

    def openings(self, questions: Sequence[Asked], *, instead_of: Sequence[str] = ()) -> list[int]:
        """First tokens of its refusals to the first few of these questions, and of the answers `instead_of` which it
        should give others.
        """
        pictured = any(image is not None for _, image in questions)
        openings = self._refusals | {self._lm.encoder.answer_ids("", a, image=pictured)[0] for a in instead_of}
        for _ in range(_OPENINGS):
            said = generate(self._lm, questions[:_FEW], never_first=sorted(openings))
            declined = [(q, i, a) for (q, i), a in zip(questions, said, strict=False) if is_refusal(a)]
            if not declined:
                break
            self._refusals |= {self._lm.encoder.answer_ids(q, a, image=i is not None)[0] for q, i, a in declined}
            openings |= self._refusals
        return sorted(openings)

    def examples(self, split: Split, questions: Sequence[Asked], subject: str | None = None) -> list[Example]:
        """What the model says, as examples; questions without an answer, or declined, are left out."""
        answers = self.ask(questions)
        pairs = zip(questions, answers, strict=True)
        return [Example(split, q, a, i, subject) for (q, i), a in pairs if a and not is_refusal(a)]
