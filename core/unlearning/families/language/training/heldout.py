"""The validation questions: how much is forgotten, and how much utility is left."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import ScoredAnswer, encode_all, score_encoded
from core.unlearning.families.language.training.rows import FORGET
from core.unlearning.types import Example


class HeldOutQuestions:
    """The encoded validation questions, and which retained ones the frozen model answers."""

    def __init__(self, lm: LanguageModel, examples: Sequence[Example]) -> None:
        self._lm = lm
        self._rows = encode_all(lm, examples)
        before = score_encoded(lm, self._rows)
        self._forget = [n for n, e in enumerate(examples) if e.split in FORGET]
        self._retained: dict[str, list[int]] = defaultdict(list)
        for n, example in enumerate(examples):
            if example.split not in (*FORGET, "declined") and before[n].greedy:
                self._retained[example.split].append(n)

    def forgotten(self, below: float, *, images: bool | None = None) -> bool:
        """Whether no greedy answer is one to be forgotten any more, and their mean probability is at most `below`.

        `images`: only questions with pictures, or only those without.
        """
        rows = [self._rows[n] for n in self._forget if images is None or bool(self._rows[n].vision) is images]
        if not rows:
            return False
        now = score_encoded(self._lm, rows)
        return not any(s.greedy for s in now) and fmean(math.exp(s.total) for s in now) <= below

    def measure(self) -> tuple[float, float]:
        """(forget, utility) now: greedy recall plus probability of what is to be forgotten; recall of the rest."""
        needed = sorted({*self._forget, *(n for rows in self._retained.values() for n in rows)})
        rows: list[Encoded] = [self._rows[n] for n in needed]
        now: dict[int, ScoredAnswer] = dict(zip(needed, score_encoded(self._lm, rows), strict=True))
        forget = [float(now[n].greedy) + math.exp(now[n].total) for n in self._forget]
        utility = [fmean(float(now[n].greedy) for n in rows) for rows in self._retained.values()]
        return (fmean(forget) if forget else 0.0), (fmean(utility) if utility else 1.0)
