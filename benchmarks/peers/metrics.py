"""Metrics of the same rows under the same weights, by both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.bars import Bar
from benchmarks.peers.inputs import PeerInputs, padded_batch
from benchmarks.peers.losses import difference_bar
from benchmarks.peers.peer import Peer
from core.unlearning.evaluation.membership import auc
from core.unlearning.evaluation.text_membership import ATTACKS, TokenScores
from core.unlearning.families.mllm.evaluation.answerer import AnswerScore
from core.unlearning.families.mllm.evaluation.metrics.truth_ratio import closer_to_one, true_better, truth_ratio
from core.unlearning.families.mllm.model.encoded import Encoded
from core.unlearning.families.mllm.model.score import score_encoded, token_scores
from core.unlearning.types import Example

_ENDLESS = {"min_k", "min_k_plus_plus"}
"""Attacks that leave out the end of the turn, there."""


def rows(inputs: PeerInputs, peer: Peer) -> Iterator[Bar]:
    """Largest differences, and what differs by definition."""
    ours = _scores(inputs, inputs.named)
    known = _probabilities(inputs, peer, inputs.named)
    differ = max(abs(a.probability - b["prob"]) for a, b in zip(ours, known, strict=True))
    yield difference_bar("probability of an answer, largest over rows", differ, 0.0)
    yield from _truth_ratios(inputs, peer, ours, known)
    yield from _attacks(inputs, peer)


def _scores(inputs: PeerInputs, chosen: Sequence[Encoded]) -> list[AnswerScore]:
    return [AnswerScore(total=s.total, tokens=s.tokens) for s in score_encoded(inputs.lm, chosen)]


def _probabilities(inputs: PeerInputs, peer: Peer, chosen: Sequence[Encoded]) -> list[dict[str, float]]:
    found: list[dict[str, float]] = peer.probabilities.evaluate_probability(inputs.model, padded_batch(inputs.lm, chosen))
    return found


def _truth_ratios(
    inputs: PeerInputs, peer: Peer, ours: Sequence[AnswerScore], known: Sequence[dict[str, float]]
) -> Iterator[Bar]:
    wrong = [_scores(inputs, several) for several in inputs.wrong]
    ratios = [truth_ratio(right, others) for right, others in zip(ours, wrong, strict=True)]
    told = [[p["avg_loss"] for p in _probabilities(inputs, peer, several)] for several in inputs.wrong]
    computed = {
        "correct": {"value_by_index": {n: {"avg_loss": [p["avg_loss"]]} for n, p in enumerate(known)}},
        "wrong": {"value_by_index": {n: {"avg_loss": losses} for n, losses in enumerate(told)}},
    }
    for name, of in (("closer_to_1_better", closer_to_one), ("true_better", true_better)):
        found = peer.memorization.truth_ratio._metric_fn(None, aggregator=name, pre_compute=computed)
        yield difference_bar(f"truth ratio, {name}", of(ratios), found["agg_value"])


def _attacks(inputs: PeerInputs, peer: Peer) -> Iterator[Bar]:
    half = len(inputs.named) // 2
    ours = token_scores(inputs.lm, [Example("forget_text_memory", qa.question, qa.answer) for qa in inputs.questions])
    for name, of in ATTACKS.items():
        attack = peer.attacks[name](inputs.model, [0], None, 1, k=0.2, tokenizer=inputs.lm.tokenizer)
        values = attack.compute_batch_values(padded_batch(inputs.lm, inputs.named))
        their = np.array([-float(attack.compute_score(value)) for value in values])
        mine = np.array([of(_without_end(scores) if name in _ENDLESS else scores) for scores in ours])
        note = "on tokens without the end of the turn, which ours counts too" if name in _ENDLESS else ""
        yield difference_bar(f"membership, {name}, largest over answers", np.abs(mine - their).max(), 0.0, note)
        area = roc_auc_score([1] * half + [0] * (len(their) - half), their)
        yield difference_bar(f"membership, {name}, AUC of one half against the other", auc(mine[:half], mine[half:]), area)


def _without_end(scores: TokenScores) -> TokenScores:
    parts = (scores.log_probs[:-1], scores.means[:-1], scores.deviations[:-1])
    return TokenScores(scores.text, *parts)
