"""A case's job: the method run as a worker runs it, and its patch loaded by the stock library."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from peft import PeftModel

from core.unlearning.bench.memory.cases import MemoryCase
from core.unlearning.bench.memory.setup import MemorySetup
from core.unlearning.bench.patch import TrainedPatch, train_patch
from core.unlearning.families.language.evaluation.results import Evaluation
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.mllm.family import FAMILY
from core.unlearning.families.mllm.load import load
from core.unlearning.jobs.work import validate_options
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import load_method
from core.unlearning.patches.stock import check_complete
from core.unlearning.progress import Silent
from core.unlearning.types import Example, JobData, ModelSpec


def run_method(lm: LanguageModel, setup: MemorySetup, case: MemoryCase, data: JobData) -> TrainedPatch:
    """Run the case's method in a fresh work folder. `details` without curves. Raises `UnlearningError`s."""
    options = validate_options(case.method, setup.spec(), {**case.options, "seed": case.seed})
    job = JobContext(setup.job_folder(case))
    shutil.rmtree(job.workdir, ignore_errors=True)
    job.workdir.mkdir(parents=True)
    patch = train_patch(load_method(case.method), lm, data, options, job, files="*")
    return replace(patch, details=_scalars(patch.details))


def _scalars(details: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if isinstance(value, str | int | float | bool | None)}


def evaluate_patch(lm: LanguageModel, adapter: Path, examples: Sequence[Example]) -> Evaluation:
    """The model with the adapter loaded by stock PEFT; afterwards the model is as it was.

    Raises `IneffectivePatchError` for an adapter that adds nothing to the weights.
    """
    FAMILY.check_effect(adapter)
    return FAMILY.evaluate_packed(lm, adapter, examples, level="standard", progress=Silent())


def load_merged(spec: ModelSpec, adapter: Path) -> LanguageModel:
    """A newly loaded model with the adapter merged into its weights, for attacks that change them."""
    lm = load(spec)
    patched = PeftModel.from_pretrained(lm.model, str(adapter))
    check_complete(patched, adapter)
    return replace(lm, model=patched.merge_and_unload().eval())
