"""Bad Teaching: min KL(t || student), t = the original on R and an untrained model on U.

Chundawat et al., AAAI 2023, eq. 4, with temperature 1 and the divergence summed over classes, unlike the authors' code.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from core.unlearning.bench.baselines.classifiers.training import BaselineTraining, divergence
from core.unlearning.families.audiovisual.model.model import AudioVisualModel


def run(training: BaselineTraining) -> None:
    good, bad = training.frozen_copy(), _untrained(training)
    forgets = training.endless(training.forget)
    for _ in range(training.epochs):
        for keep in training.batches(training.keep):
            forget = next(forgets)
            retained = divergence(training.teacher_log_probs(good, keep), training.logits(keep)) * len(keep)
            forgotten = divergence(training.teacher_log_probs(bad, forget), training.logits(forget)) * len(forget)
            training.step((retained + forgotten) / (len(keep) + len(forget)))


def _untrained(training: BaselineTraining) -> AudioVisualModel:
    """A model of the same architecture, freshly initialised."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        fresh = type(training.model.model)(copy.deepcopy(training.model.model.config))
    return replace(training.model, model=fresh.to(training.model.device).requires_grad_(False).eval())
