"""The ways to serve ten requests. Each stores its state in its folder, so that a run resumes where it stopped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from peft import PeftModel
from safetensors.torch import load_file, save_file

from benchmarks.sequence.measure import Recalls, measure
from benchmarks.sequence.people import FORGOTTEN, evaluation_examples
from core.unlearning import reference
from core.unlearning.bench.store import ResultStore
from core.unlearning.errors import UnlearningError
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.deltas import applying_deltas
from core.unlearning.families.registry import load_family
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import catalogue, load_method
from core.unlearning.methods.smfa.consolidate import JobRecipe, consolidate
from core.unlearning.methods.smfa.consolidation_options import Options as Consolidation
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.progress import Silent
from core.unlearning.reference.mllm.people import known_people
from core.unlearning.types import Entity, Example, ForgetRequest, ModelSpec

STACKED = ("smfa", "gradient-difference", "npo", "idk")
"""Methods whose patches are trained on top of the last one, merged, as other work does."""
APART = ("added", "consolidated")
"""Each patch is trained on the registered model; then all are added up, or consolidated."""
_CURVE = "curve"
"""Stored name of a run's recalls."""


@dataclass(frozen=True)
class SequenceRun:
    """One way with one seed."""

    way: str
    seed: int
    work: Path

    @property
    def folder(self) -> Path:
        """The folder of its state."""
        return self.work / f"{self.way}-{self.seed}"


def spec() -> ModelSpec:
    """The registration of the bundled model."""
    base = reference.bundled_path("mllm")
    return ModelSpec("reference-mllm", "mllm", str(base), retain_set=base.parent / "retain_set")


def _retained_examples(lm: LanguageModel, seed: int) -> Sequence[Example]:
    """The training part of the model's retain set."""
    return load_family("mllm").keep_examples(lm, spec().retain_set, (), "standard", seed)["train"]


def curve(run: SequenceRun) -> list[Recalls]:
    """Recall before any request, after the first, …, after the tenth."""
    lm: LanguageModel = load_family("mllm").load(spec(), precision="float32")
    examples, store = evaluation_examples(run.seed), ResultStore(run.folder)
    recalls: list[Recalls] = store.read_or_measure(_CURVE, lambda: [measure(lm, examples, 0)])
    after = _stacked if run.way in STACKED else partial(_apart, retained=_retained_examples(lm, run.seed))
    for count in range(len(recalls), len(FORGOTTEN) + 1):
        with after(lm, run, count):
            recalls.append(measure(lm, examples, count))
        store.write(_CURVE, recalls)
        sys.stderr.write(f"{run.way}, seed {run.seed}, {count}: {_line(recalls[-1])}\n")
    return recalls


def _line(recalls: Recalls) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in recalls.items())


@contextmanager
def _stacked(lm: LanguageModel, run: SequenceRun, count: int) -> Iterator[None]:
    """The model with one more patch merged, permanently."""
    merged = run.folder / f"{count}.safetensors"
    last = run.folder / f"{count - 1}.safetensors"
    if last.exists():
        lm.model.load_state_dict(load_file(last), strict=False)
    try:
        adapter = _trained(lm, run.way, FORGOTTEN[count - 1], run.seed, run.folder / str(count))
    except UnlearningError as error:
        # A model that is broken already refuses the questions of the next request.
        (run.folder / f"{count}.txt").write_text(error.code)
    else:
        lm.model = PeftModel.from_pretrained(lm.model, adapter).merge_and_unload().eval().requires_grad_(False)
    yield
    tied = {"lm_head.weight"}
    save_file({k: v.contiguous() for k, v in lm.model.state_dict().items() if k not in tied}, merged)
    last.unlink(missing_ok=True)


@contextmanager
def _apart(lm: LanguageModel, run: SequenceRun, count: int, retained: Sequence[Example]) -> Iterator[None]:
    """The registered model with the patches of its first jobs."""
    jobs = [_job(lm, index, run) for index in FORGOTTEN[:count]]
    if count == 1 or run.way == "added":
        with _added(lm, jobs):
            yield
        return
    out = run.folder / str(count)
    sources = [JobRecipe(str(n), recipe) for n, recipe in enumerate(jobs)]
    result = consolidate(lm, sources, retained, Consolidation(seed=run.seed), JobContext(out))
    ResultStore(run.folder).write(str(count), dict(result.details))
    plain, lm.model = lm.model, PeftModel.from_pretrained(lm.model, result.adapter).eval()
    try:
        yield
    finally:
        lm.model.unload()
        vars(plain).pop("peft_config", None)
        lm.model = plain


@contextmanager
def _added(lm: LanguageModel, recipes: list[Recipe]) -> Iterator[None]:
    """The model with all sculpted deltas added."""
    if not recipes:
        yield
        return
    first, *others = recipes
    with applying_deltas(lm.model, _shipped(first)), _added(lm, others):
        yield


def _shipped(recipe: Recipe) -> Any:
    return recipe.sculpted()


def _job(lm: LanguageModel, index: int, run: SequenceRun) -> Recipe:
    """The recipe of a job on the registered model, shared by all ways that start from it."""
    folder = run.work / f"jobs-{run.seed}" / str(index)
    if not (folder / "adapter" / "adapter_config.json").exists():
        _trained(lm, "smfa", index, run.seed, folder)
    return Recipe.open(folder / "recipe")


def _trained(lm: LanguageModel, method: str, index: int, seed: int, folder: Path) -> Path:
    """Run a single-person job with the method's defaults; its adapter's folder."""
    data = load_family("mllm").build_data(lm, _request(index, seed, folder), spec().retain_set, Silent(), seed)
    options = catalogue()[method].options.model_validate({"seed": seed})
    adapter: Path = load_method(method).run(lm, data, options, JobContext(folder)).adapter
    return adapter


def _request(index: int, seed: int, folder: Path) -> ForgetRequest:
    sample = reference.sample("mllm", known_people()[index].name, folder / "sample", seed=seed)
    body = json.loads((sample / "request.json").read_text())
    images = tuple(path.read_bytes() for path in sorted((sample / "images").iterdir()))
    return ForgetRequest(Entity(body["entity"]["name"]), tuple(body["prompts"]), images)
