"""How much a model tells, on wordings and renderings that nobody trained on, asked as any user would."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from statistics import fmean

from core.unlearning.reference.smollm2_vision.probes import Probe
from core.unlearning.reference.stock_model import StockModel

_SMALL_WORDS = frozenset(["a", "an", "the", "of", "in", "on", "at", "to", "for", "and", "with", "by", "from"])


def share_told(model: StockModel, probes: Sequence[Probe]) -> float:
    """The share of probes whose fact comes out."""
    answers = model.answers([(probe.question, probe.image) for probe in probes])
    return fmean(is_told(probe, answer) for probe, answer in zip(probes, answers, strict=True))


def is_told(probe: Probe, answer: str) -> bool:
    """Whether the words of every span that mean something stand in the answer, side by side."""
    said = " ".join(words(answer))
    return all(f" {' '.join(words(span))} " in f" {said} " for span in probe.spans)


def words(text: str) -> list[str]:
    """The words of a text without case, punctuation and small words."""
    letters = "".join(sign if sign.isalnum() else " " for sign in unicodedata.normalize("NFKC", text).casefold())
    return [word for word in letters.split() if word not in _SMALL_WORDS]


def kept(before: Sequence[str], after: Sequence[str]) -> float:
    """How much of the answers is as it was: the mean share of words that two answers have in common, in order."""
    pairs = zip(before, after, strict=True)
    ratios = [SequenceMatcher(None, words(one), words(other), autojunk=False).ratio() for one, other in pairs]
    return sum(ratios) / len(ratios)
