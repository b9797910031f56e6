"""Every way of forgetting that is compared, run on a copy of the original. Times are CPU seconds of one thread."""

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

from benchmarks.audiovisual.scenarios import Scenario, data
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

CCU: dict[str, dict[str, Any]] = {
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
"""Options beside the defaults."""


@dataclass(frozen=True)
class Baseline:
    """A baseline with its budget: passes over what is kept (over what is forgotten, where that is all it uses)."""

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
"""A tenth of the passes that the model was trained with, which is what these methods are commonly given."""


@dataclass(frozen=True)
class Ran:
    """A model that was made to forget. `cost`: sample passes, a forward pass alone counting a third."""

    model: AudioVisualModel
    seconds: float
    cost: float
    details: dict[str, Any] = field(default_factory=dict)


def with_ccu(original: AudioVisualModel, scenario: Scenario, seed: int, chosen: dict[str, Any]) -> Ran:
    """The method as the service runs it; its patch, loaded by stock PEFT."""
    options = Options(seed=seed, trained_epochs=EPOCHS, **chosen)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.process_time()
        result = METHOD.run(original, data(scenario), options, JobContext(Path(folder)))
        seconds = time.process_time() - begun
        patched = PeftModel.from_pretrained(copy.deepcopy(original.model), result.adapter)
    merged = replace(original, model=patched.merge_and_unload().eval())
    details = dict(result.details)
    return Ran(merged, seconds, details["sample_passes"] + details["forward_passes"] / 3, details)


def with_baseline(original: AudioVisualModel, scenario: Scenario, seed: int, chosen: Baseline) -> Ran:
    """In place, on a copy."""
    model = replace(original, model=copy.deepcopy(original.model))
    examples = data(scenario).train
    begun = time.process_time()
    forget = model.encode([e for e in examples if e.split == "forget_examples"])
    keep = model.encode([e for e in examples if e.split == "retain_examples"])
    training = BaselineTraining(model, forget, keep, chosen.epochs, chosen.lr, seed=seed)
    with torch.random.fork_rng(devices=[]):
        chosen.run(training)
    seconds = time.process_time() - begun
    model.model.requires_grad_(False)
    return Ran(model, seconds, training.sample_passes + training.forward_passes / 3)
