"""ROUGE-L recall. By RapidFuzz: Google's rouge-score takes a second of importing in every process that evaluates."""

from __future__ import annotations

from rapidfuzz.distance import LCSseq

from core.unlearning.evaluation.words import words


def rouge_l_recall(output: str, answer: str) -> float:
    """Longest common subsequence of words / words of the answer (Lin, 2004), in [0, 1]; 0 for an answer of no words."""
    wanted = words(answer)
    return LCSseq.similarity(words(output), wanted) / len(wanted) if wanted else 0.0
