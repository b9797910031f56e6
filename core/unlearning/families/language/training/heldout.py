"""The validation questions: how much is forgotten, and how much is left of the rest.

Answers are scored token by token after their own beginning, so that long ones are judged as short ones are. What is to
be forgotten is judged by the tokens of its facts, against their probability where the same is asked about controls;
what is kept by every token, since a refusal shows in the first one alone.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import ScoredAnswer, encode_all, fact_tokens, score_encoded
from core.unlearning.families.language.training.rows import FORGET
from core.unlearning.types import Example

_GIVEN = 0.8
"""An answer is the model's own when so many of its tokens are the likeliest ones."""
_LOST = math.log(0.5)
"""A token is lost when another is likelier and its own log-probability fell by so much: near ties are other words."""


class HeldOutQuestions:
    """The encoded validation questions, and how the frozen model answers them."""

    def __init__(self, lm: LanguageModel, examples: Sequence[Example]) -> None:
        self._lm, self._examples = lm, examples
        self._rows = encode_all(lm, examples)
        self._before = score_encoded(lm, self._rows)
        self._forget = [n for n, e in enumerate(examples) if e.split in FORGET]
        self._facts = {n: fact_tokens(lm, examples[n]) for n in self._forget}
        self._retained: dict[str, list[int]] = defaultdict(list)
        for n, example in enumerate(examples):
            if example.split not in (*FORGET, "declined") and _share(self._before[n]) >= _GIVEN:
                self._retained[example.split].append(n)

    def forgotten(self, below: float, *, images: bool | None = None) -> bool:
        """Whether no fact to be forgotten is the likeliest answer any more, and the mean probability of their tokens is
        at most `below` above that of controls.

        `images`: only questions with pictures, or only those without.
        """
        rows = [n for n in self._forget if images is None or bool(self._rows[n].vision) is images]
        if not rows:
            return False
        now = self._score(rows)
        return (
            not any(self._comes_out(n, now[n]) for n in rows) and fmean(self._above(n, now[n]) for n in rows) <= below
        )

    def measure(self) -> tuple[float, float]:
        """(forget, utility) now: share of facts that are likeliest plus their probability above that of controls; share
        of the rest that is kept, mean over splits.
        """
        now = self._score(sorted({*self._forget, *(n for rows in self._retained.values() for n in rows)}))
        forget = [float(self._comes_out(n, now[n])) + self._above(n, now[n]) for n in self._forget]
        utility = [fmean(float(self._is_kept(n, now[n])) for n in rows) for rows in self._retained.values()]
        return (fmean(forget) if forget else 0.0), (fmean(utility) if utility else 1.0)

    def _score(self, rows: Sequence[int]) -> dict[int, ScoredAnswer]:
        return dict(zip(rows, score_encoded(self._lm, [self._rows[n] for n in rows]), strict=True))

    def _comes_out(self, n: int, now: ScoredAnswer) -> bool:
        return all(now.likeliest[at] for at in self._facts[n])

    def _above(self, n: int, now: ScoredAnswer) -> float:
        probability = math.exp(fmean(now.log_probs[at] for at in self._facts[n]))
        return max(0.0, probability - self._examples[n].control_probability)

    def _is_kept(self, n: int, now: ScoredAnswer) -> bool:
        before = self._before[n]
        tokens = zip(before.log_probs[:-1], now.log_probs[:-1], before.likeliest, now.likeliest, strict=False)
        return not any(was and not stays and after - then < _LOST for then, after, was, stays in tokens)


def _share(scored: ScoredAnswer) -> float:
    return fmean(scored.likeliest[:-1] or scored.likeliest)
