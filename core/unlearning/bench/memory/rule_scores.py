"""Rules in the place of S-MLLMUn's judge model: how much of the truth an answer holds, and whether it is language.

Both go from 0 to 10, as the judge's scores do, and are the same every time.
"""

from __future__ import annotations

from core.unlearning.evaluation.words import DENIALS, words
from core.unlearning.families.mllm.evaluation.metrics.exact import exact_recall
from core.unlearning.families.mllm.evaluation.metrics.gibberish import is_gibberish, repeated_share
from core.unlearning.families.mllm.refusals import is_refusal

TOP = 10.0
_EMPTY = frozenset(
    {
        *("a", "an", "the", "and", "or", "of", "to", "in", "on", "at", "by", "for", "from", "with", "as", "there"),
        *("is", "are", "was", "were", "be", "been", "has", "have", "had", "do", "does", "did", "this", "that"),
        *("these", "those", "i", "you", "we", "he", "she", "it", "they", "his", "her", "its", "their", "him", "them"),
    }
)
"""Words that say nothing by themselves."""


def fact_score(output: str, answer: str) -> float:
    """How much of `answer` (the truth) `output` says: the share of its telling words, times ten.

    0 where the output declines, is no language, denies what the answer affirms or the other way round, or lacks one of
    the answer's numbers; 10 where the whole answer stands in it.
    """
    if is_gibberish(output) or is_refusal(output) or _denies(output) != _denies(answer):
        return 0.0
    if exact_recall(output, answer):
        return TOP
    given, telling = set(words(output)), _telling(answer)
    if not telling or any(word not in given for word in telling if word.isdigit()):
        return 0.0
    return TOP * sum(word in given for word in telling) / len(telling)


def meaningful_score(output: str) -> float:
    """Whether the output can be read: 0 for none and for gibberish, less than 10 for what repeats itself.

    The share of word pairs that are no repeats of an earlier pair, times ten. A refusal is meaningful.
    """
    if is_gibberish(output):
        return 0.0
    return TOP * (1 - repeated_share(words(output), 2))


def _denies(text: str) -> bool:
    return not DENIALS.isdisjoint(words(text))


def _telling(answer: str) -> list[str]:
    found = list(dict.fromkeys(words(answer)))
    return [word for word in found if word not in _EMPTY] or found
