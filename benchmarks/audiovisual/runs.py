"""Runs CCU and the baselines on copies of the original. Times are CPU seconds of one thread."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from benchmarks.audiovisual.scenarios import Scenario, job_data
from core.unlearning.bench.baselines.classifiers import (
    bad_teaching,
    contrastive,
    fine_tune,
    gradient_ascent,
    neg_grad_plus,
    salun,
    scrub,
    ssd,
)
from core.unlearning.bench.baselines.classifiers.training import BaselineTraining
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.ccu.config import Options
from core.unlearning.methods.ccu.method import METHOD
from core.unlearning.reference.audiovisual.build import EPOCHS

CCU_VARIANTS: dict[str, dict[str, Any]] = {
    "ccu": {},
    "ccu, full": {"tuning": "full", "lr": 6e-3},
    "ccu - SVU": {"unlearn_weight": 0.0},
    "ccu - DCS": {"separation_weight": 0.0},
    "ccu - retention": {"retention_weight": 0.0},
    "ccu - curvature": {"curvature": 0, "lr": 1e-2},
    "ccu - hardness": {"hardness": 0.0},
    "ccu, soft CKR": {"freeze_other": False},
    "ccu, soft - CKR": {"freeze_other": False, "consistency_weight": 0.0},
}
"""By title: options that differ from the defaults."""


@dataclass(frozen=True)
class Baseline:
    """A baseline with its budget: epochs over the retained rows, or over the forgotten if it uses only those."""

    run: Callable[[BaselineTraining], None]
    epochs: int
    lr: float


BASELINES: dict[str, Baseline] = {
    "fine-tune": Baseline(fine_tune.run, 2, 5e-4),
    "gradient ascent": Baseline(gradient_ascent.run, 2, 1e-4),
    "NegGrad+": Baseline(neg_grad_plus.run, 2, 5e-4),
    "Contrastive Unlearning": Baseline(contrastive.run, 2, 5e-4),
    "SCRUB": Baseline(scrub.run, 2, 5e-4),
    "SalUn": Baseline(salun.run, 2, 5e-4),
    "bad teaching": Baseline(bad_teaching.run, 2, 5e-4),
    "SSD": Baseline(ssd.run, 0, 1.0),
}
"""Epochs: a tenth of the original training's, the budget these methods are commonly given."""


@dataclass(frozen=True)
class ForgettingRun:
    """A model after forgetting. `cost`: sample passes; a forward pass without backward counts a third."""

    model: AudioVisualModel
    seconds: float
    cost: float
    details: dict[str, Any] = field(default_factory=dict)


def run_ccu(original: AudioVisualModel, scenario: Scenario, seed: int, chosen: dict[str, Any]) -> ForgettingRun:
    """Run the method as the service does, and merge its patch with stock PEFT."""
    options = Options(seed=seed, trained_epochs=EPOCHS, **chosen)
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        result = METHOD.run(original, job_data(scenario), options, JobContext(Path(folder)))
        seconds = time.process_time() - started
        patched = PeftModel.from_pretrained(copy.deepcopy(original.model), result.adapter)
    merged = replace(original, model=patched.merge_and_unload().eval())
    details = dict(result.details)
    return ForgettingRun(merged, seconds, details["sample_passes"] + details["forward_passes"] / 3, details)


def run_baseline(original: AudioVisualModel, scenario: Scenario, seed: int, chosen: Baseline) -> ForgettingRun:
    """Run a baseline on a copy."""
    model = replace(original, model=copy.deepcopy(original.model))
    examples = job_data(scenario).train
    started = time.process_time()
    forget = model.encode([e for e in examples if e.split == "forget_examples"])
    keep = model.encode([e for e in examples if e.split == "retain_examples"])
    training = BaselineTraining(model, forget, keep, chosen.epochs, chosen.lr, seed=seed)
    with torch.random.fork_rng(devices=[]):
        chosen.run(training)
    seconds = time.process_time() - started
    model.model.requires_grad_(False)
    return ForgettingRun(model, seconds, training.sample_passes + training.forward_passes / 3)
