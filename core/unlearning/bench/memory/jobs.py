"""A case's job: the method run as a worker runs it, and its patch loaded as anybody loads it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from peft import PeftModel

from core.unlearning.bench.memory.cases import Case
from core.unlearning.families.mllm.evaluation.results import Evaluation
from core.unlearning.families.mllm.family import FAMILY
from core.unlearning.families.mllm.load import load
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.jobs.work import validate_options
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import load_method
from core.unlearning.patches.stock import check_complete
from core.unlearning.progress import Silent
from core.unlearning.types import Example, JobData, ModelSpec

ADAPTER = "adapter"


@dataclass(frozen=True)
class Done:
    """`seconds`: of the method, and of that the processors' own; `size`: of the patch, in bytes."""

    seconds: float
    processor_seconds: float
    size: int
    details: Mapping[str, Any]


def run_method(lm: MultimodalLM, spec: ModelSpec, case: Case, data: JobData, folder: Path) -> Done:
    """Train, and leave `folder/adapter`. Raises `UnlearningError`s."""
    options = validate_options(case.method, spec, {**case.options, "seed": case.seed})
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    begun, at_work = time.perf_counter(), time.process_time()
    result = load_method(case.method).run(lm, data, options, JobContext(folder))
    seconds, own = time.perf_counter() - begun, time.process_time() - at_work
    size = sum(file.stat().st_size for file in (folder / ADAPTER).iterdir())
    return Done(seconds, own, size, _small(result.details))


def _small(details: Mapping[str, Any]) -> dict[str, Any]:
    """Without curves."""
    return {name: value for name, value in details.items() if isinstance(value, str | int | float | bool | None)}


def measure_packed(lm: MultimodalLM, adapter: Path, examples: Sequence[Example]) -> Evaluation:
    """The model with the adapter that stock PEFT loads; afterwards it is as it was.

    Raises `IneffectivePatchError` for one that adds up to nothing.
    """
    FAMILY.check_effect(adapter)
    return FAMILY.evaluate_packed(lm, adapter, examples, level="standard", progress=Silent())


def merged(spec: ModelSpec, adapter: Path) -> MultimodalLM:
    """A model of its own with the patch in its weights, for what changes them."""
    lm = load(spec)
    patched = PeftModel.from_pretrained(lm.model, str(adapter))
    check_complete(patched, adapter)
    return replace(lm, model=patched.merge_and_unload().eval())
