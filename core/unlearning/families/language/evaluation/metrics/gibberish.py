"""Finds outputs that are no language: a model that was damaged repeats itself, stops at once, or emits symbols.

An output counts as gibberish when one of these holds:
- it is empty, or holds no letter and no digit;
- one character comes `MAX_CHARACTER_RUN` times or more in a row;
- one word comes `MAX_WORD_RUN` times or more in a row;
- it has at least `MIN_WORDS` words and more than `MAX_REPEATED` of its word trigrams are repeats of an earlier one.
"""

from __future__ import annotations

from itertools import groupby

from core.unlearning.evaluation.words import words

MAX_CHARACTER_RUN = 6
MAX_WORD_RUN = 3
MIN_WORDS = 8
MAX_REPEATED = 0.3


def is_gibberish(text: str) -> bool:
    """Whether the output breaks one of the rules above."""
    tokens = words(text)
    if not tokens:
        return True
    letters = "".join(tokens)
    letter_run = 0 if letters.isdigit() else _longest_run(letters)
    return letter_run >= MAX_CHARACTER_RUN or _longest_run(tokens) >= MAX_WORD_RUN or _repeats(tokens)


def repeated_share(tokens: list[str], size: int = 3) -> float:
    """1 - distinct n-grams / n-grams ("seq-rep-n" of Welleck et al., 2020); 0 when there is none."""
    grams = [tuple(tokens[start : start + size]) for start in range(len(tokens) - size + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def _repeats(tokens: list[str]) -> bool:
    return len(tokens) >= MIN_WORDS and repeated_share(tokens) > MAX_REPEATED


def _longest_run(items: str | list[str]) -> int:
    return max((len(list(run)) for _, run in groupby(items)), default=0)
