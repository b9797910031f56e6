"""A case's job: the request as a method is given it, and the method run on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.unlearning.bench.baselines import compared, load_compared
from core.unlearning.bench.concepts.cases import CONTENDERS, Case
from core.unlearning.families.diffusion import wordings
from core.unlearning.families.diffusion.data import build_data
from core.unlearning.families.diffusion.model import DiffusionModel
from core.unlearning.methods.base import JobContext
from core.unlearning.progress import Progress, Silent
from core.unlearning.types import Entity, Example, ForgetRequest, JobData

PICTURES = 12
"""That a request without a name brings, drawn by the unchanged model."""
_FAR = 1_000_000
"""Their seeds are far from those that are measured with."""
_ALONE = 4
_DRAWN = 12
"""Prompts at most of each split that is kept."""


@dataclass(frozen=True)
class Done:
    """`seconds`: of the method, and of that the processors' own; `size`: of the patch, in bytes."""

    adapter: Path
    seconds: float
    processor_seconds: float
    size: int
    details: Mapping[str, Any]


def data_of(model: DiffusionModel, case: Case, retain_set: Path) -> JobData:
    """The request by name, and held-out prompts: the same for every seed."""
    request = ForgetRequest(Entity(case.targets[0], case.kind, case.targets[1:]), level="standard")
    data = build_data(model, request, retain_set, Silent(), seed=0)
    return replace(data, test=tuple(_few(data.test)))


def run_method(
    model: DiffusionModel, case: Case, data: JobData, options: Mapping[str, Any], folder: Path, progress: Progress
) -> Done:
    """Run the case's method, defaults overridden by the contender's options and by `options`."""
    contender = CONTENDERS[case.contender]
    given = {**options, **contender.options, "seed": case.seed}
    chosen = compared()[contender.method].options.model_validate(given)
    asked = data if contender.form == "name" else pictured(model, case, data, listed=contender.form == "pictures")
    begun, at_work = time.perf_counter(), time.process_time()
    result = load_compared(contender.method).run(model, asked, chosen, JobContext(folder, progress))
    seconds, own = time.perf_counter() - begun, time.process_time() - at_work
    size = (result.adapter / "pytorch_lora_weights.safetensors").stat().st_size
    return Done(result.adapter, seconds, own, size, result.details)


def pictured(model: DiffusionModel, case: Case, data: JobData, *, listed: bool) -> JobData:
    """The same request without a name: pictures of the target, which is `listed` where a classifier tells its name."""
    prompt = wordings.prompts(case.kind, wordings.class_word(case.kind), "train")[0]
    shown = [Example("forget_concept", prompt, "", picture) for picture in pictures_of(model, data, _FAR)]
    train, held = (
        tuple(e for e in part if listed or not e.split.startswith("forget_")) for part in (data.train, data.validation)
    )
    return replace(data, train=(*train, *shown), validation=held, entity=Entity(None, case.kind))


def pictures_of(model: DiffusionModel, data: JobData, seed: int) -> list[Any]:
    """Pictures that the model draws for the shortest training prompts, which show the concept by itself."""
    prompts = sorted(
        {e.question for e in data.train if e.split == "forget_concept"}, key=lambda text: (len(text), text)
    )
    prompts = prompts[:_ALONE]
    return model.draw([prompts[n % len(prompts)] for n in range(PICTURES)], range(seed, seed + PICTURES))


def _few(examples: tuple[Example, ...]) -> list[Example]:
    kept: list[Example] = []
    for split in dict.fromkeys(e.split for e in examples):
        rows = [e for e in examples if e.split == split]
        kept += rows if split.startswith("forget_") else rows[:_DRAWN]
    return kept
