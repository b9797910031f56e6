"""Of which origin a name is that no list has, by its letters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.families.language.data.bundled.origins import origins_of

LIKELIEST = 3
"""So many origins are taken for that of a name."""
_UNSEEN = 0.1
"""Occurrences that a letter group is given where it has none."""
_SIZE = 3
_GROUPS = 20_000
"""Letter groups that there may be."""


def likely_origins(words: Iterable[str], script: str) -> list[str]:
    """The likeliest by the groups of three letters in the words, first the likeliest."""
    groups = [group for word in words for group in _groups(word)]
    scores = {origin: _score(groups, counts) for origin, counts in _counts(script).items()}
    return sorted(scores, key=lambda origin: -scores[origin])[:LIKELIEST]


def _score(groups: Iterable[str], counts: Counter[str]) -> float:
    total = counts.total() + _UNSEEN * _GROUPS
    return sum(math.log((counts[group] + _UNSEEN) / total) for group in groups)


@cache
def _counts(script: str) -> Mapping[str, Counter[str]]:
    return {
        name: Counter(group for word, _ in origin.kinds() for group in _groups(word))
        for name, origin in origins_of(script).items()
    }


def _groups(word: str) -> list[str]:
    bounded = f" {folded(word)} "
    return [bounded[at : at + _SIZE] for at in range(len(bounded) - _SIZE + 1)]
