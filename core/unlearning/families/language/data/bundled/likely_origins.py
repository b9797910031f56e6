"""Of which origin a name is that no list has, by its letters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

from core.unlearning.evaluation.answers.folding import folded
from core.unlearning.families.language.data.bundled.origins import origins_of

MOST = 3
MARGIN = 4.0
"""At most so many origins are taken for that of a name; none that is so much less likely than another (nats)."""
_UNSEEN = 0.1
"""Occurrences that a letter group is given where it has none."""
_SIZES = (2, 3)


def likely_origins(words: Iterable[str], script: str) -> list[str]:
    """The likeliest by the groups of two and three letters in the words, as in naive Bayes; first the likeliest."""
    groups = [group for word in words for group in _groups(word)]
    counts = _counts(script)
    unseen = _UNSEEN * len(set().union(*counts.values()))
    scores = {origin: _score(groups, counts[origin], unseen) for origin in counts}
    ranked = sorted(scores, key=lambda origin: -scores[origin])[:MOST]
    return [origin for origin in ranked if scores[origin] > scores[ranked[0]] - MARGIN]


def _score(groups: Iterable[str], counts: Counter[str], unseen: float) -> float:
    total = counts.total() + unseen
    return sum(math.log((counts[group] + _UNSEEN) / total) for group in groups)


@cache
def _counts(script: str) -> Mapping[str, Counter[str]]:
    return {
        name: Counter(group for word in {word for word, _ in origin.kinds()} for group in _groups(word))
        for name, origin in origins_of(script).items()
    }


def _groups(word: str) -> list[str]:
    bounded = f" {folded(word)} "
    return [bounded[at : at + size] for size in _SIZES for at in range(len(bounded) - size + 1)]
