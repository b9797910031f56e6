"""A case's job: its data, the method run on it, and its patch loaded by the stock library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.unlearning.bench.baselines import compared, load_compared
from core.unlearning.bench.concepts.cases import CONTENDERS, ConceptCase
from core.unlearning.bench.concepts.setup import ConceptSetup
from core.unlearning.bench.patch import TrainedPatch, train_patch
from core.unlearning.errors import IneffectivePatchError
from core.unlearning.families.diffusion import wordings
from core.unlearning.families.diffusion.data.build import build_data
from core.unlearning.families.diffusion.model.lora_file import WEIGHTS
from core.unlearning.families.diffusion.model.model import DiffusionModel
from core.unlearning.methods.base import JobContext
from core.unlearning.progress import Progress, Silent
from core.unlearning.types import Entity, Example, ForgetRequest, JobData

PATCH = "patch"
"""The patch's adapter name in the pipeline."""
PICTURES = 12
"""Of a request without a name, drawn by the unchanged model."""
_REQUEST_SEED = 1_000_000
"""First seed of those pictures, far from the seeds of evaluation."""
_SHORTEST = 4
_RETAINED_PROMPTS = 12
"""Of each retained split, at most."""


def build_case_data(model: DiffusionModel, case: ConceptCase, retain_set: Path) -> JobData:
    """The data of a request by name, and held-out prompts to evaluate with: the same for every seed."""
    request = ForgetRequest(Entity(case.targets[0], case.kind, case.targets[1:]), level="standard")
    data = build_data(model, request, retain_set, Silent(), seed=0)
    return replace(data, test=tuple(_limit_retained(data.test)))


def _limit_retained(examples: Sequence[Example]) -> list[Example]:
    limited: list[Example] = []
    for split in dict.fromkeys(e.split for e in examples):
        members = [e for e in examples if e.split == split]
        limited += members if split.startswith("forget_") else members[:_RETAINED_PROMPTS]
    return limited


def run_method(setup: ConceptSetup, case: ConceptCase, data: JobData, progress: Progress) -> TrainedPatch:
    """Run the case's method. The contender's options override the setup's, which override the method's defaults."""
    contender, model = CONTENDERS[case.contender], setup.model
    given = {**setup.options.get(contender.method, {}), **contender.options, "seed": case.seed}
    options = compared()[contender.method].options.model_validate(given)
    if contender.form != "name":
        data = picture_only_data(model, case, data, listed=contender.form == "pictures")
    job = JobContext(setup.job_folder(case), progress)
    return train_patch(load_compared(contender.method), model, data, options, job, files=WEIGHTS)


def picture_only_data(model: DiffusionModel, case: ConceptCase, data: JobData, *, listed: bool) -> JobData:
    """The data of the same request with pictures instead of a name; `listed`: a classifier knows the target's name."""
    prompt = wordings.prompts(case.kind, wordings.class_word(case.kind), "train")[0]
    pictures = [Example("forget_concept", prompt, "", picture) for picture in draw_target(model, data, _REQUEST_SEED)]
    train, validation = (
        tuple(e for e in part if listed or not e.split.startswith("forget_")) for part in (data.train, data.validation)
    )
    return replace(data, train=(*train, *pictures), validation=validation, entity=Entity(None, case.kind))


def draw_target(model: DiffusionModel, data: JobData, seed: int) -> list[Any]:
    """Pictures for the shortest training prompts, which show the target alone."""
    prompts = sorted(
        {e.question for e in data.train if e.split == "forget_concept"}, key=lambda text: (len(text), text)
    )
    prompts = prompts[:_SHORTEST]
    return model.draw([prompts[n % len(prompts)] for n in range(PICTURES)], range(seed, seed + PICTURES))


@contextmanager
def under_patch(model: DiffusionModel, adapter: Path) -> Iterator[DiffusionModel]:
    """The model with the patch loaded by stock diffusers; afterwards the model is as it was.

    Raises `IneffectivePatchError` where diffusers finds no module for it.
    """
    model.pipe.load_lora_weights(str(adapter), adapter_name=PATCH)
    try:
        if not model.pipe.get_list_adapters():
            raise IneffectivePatchError("diffusers loads the patch as nothing")
        yield model
    finally:
        model.pipe.unload_lora_weights()
        model.pipe.unet.requires_grad_(False)
