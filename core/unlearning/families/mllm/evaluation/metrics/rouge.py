"""ROUGE-L recall by Google's rouge-score, with a tokenizer that knows letters beyond a-z."""

from __future__ import annotations

from functools import cache

from rouge_score.rouge_scorer import RougeScorer

from core.unlearning.evaluation.words import words


class _Words:
    """The default tokenizer drops everything but a-z and 0-9, so that names in other scripts would score nothing."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(["rougeL"], tokenizer=_Words())


def rouge_l_recall(output: str, answer: str) -> float:
    """Longest common subsequence of words / words of the answer (Lin, 2004), in [0, 1]."""
    return float(_scorer().score(answer, output)["rougeL"].recall)
