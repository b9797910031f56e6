"""Linear probes (Alain & Bengio, 2016): facts that a classifier reads from hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.unlearning.evaluation.membership import Floats

FOLDS = 4
_STEPS = 200


@dataclass(frozen=True)
class States:
    """Hidden states [n, width], the fact that each may encode [n], and its person as a group [n]."""

    values: Floats
    labels: Sequence[str]
    groups: Sequence[str]


@dataclass(frozen=True)
class ProbeResult:
    """Accuracy of a probe on `held_out` groups, and on the `forgotten` group, of which `count` states are tested.

    States whose label does not occur in the training data are not tested.
    """

    held_out: float
    forgotten: float
    count: int


def probe(others: States, forgotten: States) -> ProbeResult | None:
    """A logistic regression trained on `others`, cross-validated by group.

    None where there are too few groups or labels to train on, or no state to test.
    """
    if len(set(others.groups)) < FOLDS or len(set(others.labels)) < 2:
        return None
    folds = GroupKFold(FOLDS, shuffle=True, random_state=0).split(others.values, groups=others.groups)
    right = np.concatenate([_correct(_part(others, train), _part(others, test)) for train, test in folds])
    forgotten_scores = _correct(others, forgotten)
    return (
        ProbeResult(float(right.mean()), float(forgotten_scores.mean()), len(forgotten_scores))
        if len(right) and len(forgotten_scores)
        else None
    )


def _correct(known: States, tested: States) -> Floats:
    """1 or 0 for each tested state whose label occurs in the training states."""
    places = [n for n, label in enumerate(tested.labels) if label in set(known.labels)]
    if not places or len(set(known.labels)) < 2:
        return np.zeros(0)
    classifier: Any = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_STEPS))
    predicted = classifier.fit(known.values, list(known.labels)).predict(tested.values[places])
    right: Floats = (predicted == np.asarray(tested.labels)[places]).astype(np.float64)
    return right


def _part(states: States, places: Sequence[int]) -> States:
    return States(states.values[places], [states.labels[n] for n in places], [states.groups[n] for n in places])
