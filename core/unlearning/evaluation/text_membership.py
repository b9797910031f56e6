"""What an attacker reads from the probabilities of a text's tokens: scores for `membership`, larger for a member.

Each takes log p of the text's tokens [n] in nats, as a language model gives them. Definitions as in their papers; the
names are those of open-unlearning (`src/evals/metrics/mia`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.unlearning.evaluation.membership import Floats, Membership, membership, true_positive_rate

LOWEST = 0.2
"""The share k of a text's tokens that Min-K looks at."""


@dataclass(frozen=True)
class TokenScores:
    """Of each token of `text` [n]: its log-probability, and mean and standard deviation of log p(z) over z ~ p."""

    text: str
    log_probs: Floats
    means: Floats
    deviations: Floats


@dataclass(frozen=True)
class AttackResult:
    """What one attack can tell. `true_positives`: share of members found at 1 % false positives."""

    membership: Membership
    true_positives: float


def loss(scores: TokenScores) -> float:
    """Mean log p: the negative loss (Yeom et al., 2018)."""
    return float(scores.log_probs.mean())


def zlib_ratio(scores: TokenScores) -> float:
    """The negative loss over the bytes that zlib makes of the text: what is likely, and yet does not repeat itself
    (Carlini et al., 2021, section 5.2).
    """
    return loss(scores) / len(zlib.compress(scores.text.encode()))


def min_k(scores: TokenScores) -> float:
    """Mean log p of the share `LOWEST` of the tokens that are least likely, one at least (Shi et al., 2024, eq. 1)."""
    return _lowest(scores.log_probs)


def min_k_plus_plus(scores: TokenScores) -> float:
    """The same of (log p - mean) / standard deviation over the vocabulary (Zhang et al., 2024, eq. 3-4)."""
    return _lowest((scores.log_probs - scores.means) / np.maximum(scores.deviations, 1e-6))


def reference(scores: TokenScores, other: TokenScores) -> float:
    """Mean log p above that of a model which never learned the text: easy texts count less (Carlini et al., 2021)."""
    return loss(scores) - loss(other)


def run_attacks(
    members: Sequence[TokenScores],
    non_members: Sequence[TokenScores],
    others: tuple[Sequence[TokenScores], Sequence[TokenScores]] | None = None,
    *,
    seed: int = 0,
) -> dict[str, AttackResult]:
    """Every attack by name; none where there are too few texts. `others`: what a reference model makes of the same."""
    pairs = {name: ([of(s) for s in members], [of(s) for s in non_members]) for name, of in ATTACKS.items()}
    if others is not None:
        known, unknown = others
        pairs["reference"] = (_differences(members, known), _differences(non_members, unknown))
    found = {name: membership(*pair, seed=seed) for name, pair in pairs.items()}
    return {name: AttackResult(one, true_positive_rate(*pairs[name])) for name, one in found.items() if one is not None}


def _differences(scores: Sequence[TokenScores], others: Sequence[TokenScores]) -> list[float]:
    return [reference(mine, theirs) for mine, theirs in zip(scores, others, strict=True)]


def _lowest(values: Floats) -> float:
    return float(np.sort(values)[: max(1, int(LOWEST * len(values)))].mean())


ATTACKS: Mapping[str, Callable[[TokenScores], float]] = {
    "loss": loss,
    "zlib": zlib_ratio,
    "min_k": min_k,
    "min_k_plus_plus": min_k_plus_plus,
}
