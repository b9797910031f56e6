"""`task-arithmetic`: W - s (W_F - W), W_F being fine-tuned on what is to be forgotten (arXiv 2212.04089).

Of a LoRA the negative is a LoRA, so that the patch is exact. The vector itself, which would make the model tell more
of the subject, is not kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from core.unlearning.families.language.model.frozen import caching_answers
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.adapters import LoraFactors
from core.unlearning.families.language.training.deltas import applying_deltas
from core.unlearning.families.language.training.heldout import HeldOutQuestions
from core.unlearning.families.language.training.row_losses import answer_losses
from core.unlearning.families.language.training.rows import answer_rows
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.shared.lora_forgetting import LoraForgetting, LoraTask, forget_examples
from core.unlearning.methods.task_arithmetic.config import SCALES, Options
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.patches.supertuning import WEIGHTS
from core.unlearning.progress import Progress
from core.unlearning.types import JobData

_CONFIG = "adapter_config.json"


@dataclass(frozen=True)
class ScalePoint:
    """One scale and what it gives; see `HeldOutQuestions.measure`."""

    scale: float
    forget: float
    utility: float


class TaskArithmetic(LoraForgetting):
    """The baseline `task-arithmetic`."""

    def task(self, lm: LanguageModel, data: JobData, options: Options) -> LoraTask:  # noqa: ARG002 (nothing to choose)
        """See `LoraForgetting.task`."""
        return LoraTask(answer_rows(lm, forget_examples(data)), answer_losses)

    def run(self, model: LanguageModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """See `LoraForgetting.run`."""
        vector = job.workdir / "vector"
        learned = super().run(model, data, options, replace(job, workdir=vector))
        try:
            with caching_answers(model, job.checkpoints, job.progress, "held"):
                held = HeldOutQuestions(model, data.validation)
            points = _measure_scales(model, held, learned.adapter, options, job.progress)
            chosen = best(points, options.utility_floor)
            _negate(learned.adapter, job.adapter, chosen.scale)
        finally:
            shutil.rmtree(vector)
        details = {**learned.details, "scale": chosen.scale, "scales": [asdict(point) for point in points]}
        return MethodResult(job.adapter, details=details)


def _measure_scales(
    lm: LanguageModel, held: HeldOutQuestions, vector: Path, options: Options, progress: Progress
) -> list[ScalePoint]:
    scales = SCALES if options.scale == "auto" else (options.scale,)
    progress.phase("sculpting", len(scales))
    points = []
    for scale in scales:
        with applying_deltas(lm.model, negate(LoraFactors(vector), scale)):
            points.append(ScalePoint(scale, *held.measure()))
        progress.step()
    return points


def negate(vector: LoraFactors, scale: float) -> Iterator[ModuleDelta]:
    """-scale B A of every module."""
    none = torch.zeros(0, dtype=torch.int64), torch.zeros(0)
    for name in vector.names:
        a, b = vector[name]
        yield ModuleDelta(name, a, -scale * b, *none)


def best(points: Sequence[ScalePoint], floor: float) -> ScalePoint:
    """The strongest forgetting among those within the floor; where none is, the most useful."""
    inside = [point for point in points if point.utility >= floor]
    if not inside:
        return max(points, key=lambda point: (point.utility, -point.forget))
    return min(inside, key=lambda point: (point.forget, -point.utility))


def _negate(vector: Path, adapter: Path, scale: float) -> None:
    adapter.mkdir(parents=True, exist_ok=True)
    shutil.copy(vector / _CONFIG, adapter / _CONFIG)
    tensors = {n: t * -scale if ".lora_B." in n else t for n, t in load_file(vector / WEIGHTS).items()}
    save_file(tensors, adapter / WEIGHTS, {"format": "pt"})


METHOD = TaskArithmetic()
