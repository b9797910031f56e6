"""Metrics of the same rows under the same weights, in both implementations."""

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
from core.unlearning.families.language.evaluation.metrics.truth_ratio import closer_to_one, true_better, truth_ratio
from core.unlearning.families.language.model.answerer import AnswerScore
from core.unlearning.families.language.model.encoded import Encoded
from core.unlearning.families.language.model.score import score_encoded, token_scores
from core.unlearning.types import Example

_WITHOUT_END = {"min_k", "min_k_plus_plus"}
"""Attacks that leave out the end-of-turn token in the peer's implementation."""


def rows(inputs: PeerInputs, peer: Peer) -> Iterator[Bar]:
    """Largest differences; the notes say what differs by definition."""
    ours = _scores(inputs, inputs.named)
    theirs = _probabilities(inputs, peer, inputs.named)
    error = max(abs(a.probability - b["prob"]) for a, b in zip(ours, theirs, strict=True))
    yield difference_bar("probability of an answer, largest over rows", error, 0.0)
    yield from _truth_ratios(inputs, peer, ours, theirs)
    yield from _attacks(inputs, peer)


def _scores(inputs: PeerInputs, rows: Sequence[Encoded]) -> list[AnswerScore]:
    return [AnswerScore(total=s.total, tokens=s.tokens) for s in score_encoded(inputs.lm, rows)]


def _probabilities(inputs: PeerInputs, peer: Peer, rows: Sequence[Encoded]) -> list[dict[str, float]]:
    batch = padded_batch(inputs.lm, rows)
    probabilities: list[dict[str, float]] = peer.probabilities.evaluate_probability(inputs.model, batch)
    return probabilities


def _truth_ratios(
    inputs: PeerInputs, peer: Peer, ours: Sequence[AnswerScore], theirs: Sequence[dict[str, float]]
) -> Iterator[Bar]:
    wrong = [_scores(inputs, several) for several in inputs.wrong]
    ratios = [truth_ratio(right, others) for right, others in zip(ours, wrong, strict=True)]
    their_losses = [[p["avg_loss"] for p in _probabilities(inputs, peer, several)] for several in inputs.wrong]
    computed = {
        "correct": {"value_by_index": {n: {"avg_loss": [p["avg_loss"]]} for n, p in enumerate(theirs)}},
        "wrong": {"value_by_index": {n: {"avg_loss": losses} for n, losses in enumerate(their_losses)}},
    }
    for name, of in (("closer_to_1_better", closer_to_one), ("true_better", true_better)):
        aggregate = peer.memorization.truth_ratio._metric_fn(None, aggregator=name, pre_compute=computed)
        yield difference_bar(f"truth ratio, {name}", of(ratios), aggregate["agg_value"])


def _attacks(inputs: PeerInputs, peer: Peer) -> Iterator[Bar]:
    half = len(inputs.named) // 2
    examples = [Example("forget_text_memory", qa.question, qa.answer) for qa in inputs.questions]
    our_scores = token_scores(inputs.lm, examples)
    for name, of in ATTACKS.items():
        attack = peer.attacks[name](inputs.model, [0], None, 1, k=0.2, tokenizer=inputs.lm.tokenizer)
        values = attack.compute_batch_values(padded_batch(inputs.lm, inputs.named))
        theirs = np.array([-float(attack.compute_score(value)) for value in values])
        ours = np.array([of(_without_end(scores) if name in _WITHOUT_END else scores) for scores in our_scores])
        note = "on tokens without the end of the turn, which ours counts too" if name in _WITHOUT_END else ""
        yield difference_bar(f"membership, {name}, largest over answers", np.abs(ours - theirs).max(), 0.0, note)
        area = roc_auc_score([1] * half + [0] * (len(theirs) - half), theirs)
        our_area = auc(ours[:half].tolist(), ours[half:].tolist())
        yield difference_bar(f"membership, {name}, AUC of one half against the other", our_area, area)


def _without_end(scores: TokenScores) -> TokenScores:
    parts = (scores.log_probs[:-1], scores.means[:-1], scores.deviations[:-1])
    return TokenScores(scores.text, *parts)
