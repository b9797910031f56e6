"""The measurements on the questions set aside for choosing: they stop the training and choose k."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.heldout import HeldOutQuestions
from core.unlearning.families.language.training.rows import FORGET
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.controls import Excess
from core.unlearning.methods.smfa.recipe import ANCHOR, IMAGE, TEXT
from core.unlearning.types import JobData

ERASED = 0.01
"""Mode `erasure`: share of the excess at which an adapter has erased enough."""


@dataclass(frozen=True)
class Validation:
    """The held-out questions, and in mode `erasure` the excess of their true answers over the controls' level."""

    questions: HeldOutQuestions
    excess: Excess | None = None

    @classmethod
    def prepare(cls, lm: LanguageModel, data: JobData, options: Options) -> Validation:
        """Scores the validation part with the frozen model."""
        questions = HeldOutQuestions(lm, data.validation)
        if options.mode == "suppression":
            return cls(questions)
        forget = [e for e in data.validation if e.split in FORGET]
        return cls(questions, Excess(lm, forget, data.controls, options.seed))

    def stop_rule(self, adapter: str, below: float | None) -> Callable[[], bool] | None:
        """Whether an adapter has learned enough, judged by its own view; None where it takes every step."""
        if below is None or adapter == ANCHOR:
            return None
        images, excess = {IMAGE: True, TEXT: False}.get(adapter), self.excess
        return lambda: (
            self.questions.forgotten(below, images=images)
            and (excess is None or excess.share_left(images=images) <= ERASED)
        )

    def measure(self) -> tuple[float, float, float | None]:
        """(forget, utility, excess) of the model as it is now; see `sweep.Point`."""
        return (*self.questions.measure(), None if self.excess is None else self.excess.share_left())
