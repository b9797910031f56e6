"""The ways to serve ten requests. Each keeps what is done in its folder, so that a run goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from peft import PeftModel
from safetensors.torch import load_file, save_file

from benchmarks.sequence.measure import Found, measure
from benchmarks.sequence.people import FORGOTTEN, probes
from core.unlearning import reference
from core.unlearning.errors import UnlearningError
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.training.deltas import applying_deltas
from core.unlearning.families.registry import load_family
from core.unlearning.methods.base import JobContext
from core.unlearning.methods.registry import catalogue, load_method
from core.unlearning.methods.smfa.consolidate import Source, consolidate
from core.unlearning.methods.smfa.consolidation import Options as Consolidation
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.methods.smfa.sculpt import sculpted
from core.unlearning.progress import Silent
from core.unlearning.reference.mllm.people import known_people
from core.unlearning.types import Entity, Example, ForgetRequest, ModelSpec

STACKED = ("smfa", "gradient-difference", "npo", "idk")
"""Each patch is trained on top of the last one and merged, as peers do it."""
APART = ("added", "consolidated")
"""Each patch is trained on the registered model; then all are added up, or put together."""


@dataclass(frozen=True)
class Run:
    """One way with one seed."""

    way: str
    seed: int
    work: Path

    @property
    def folder(self) -> Path:
        """Where its state is."""
        return self.work / f"{self.way}-{self.seed}"


def spec() -> ModelSpec:
    """The bundled model as it is registered."""
    base = reference.bundled_path("mllm")
    return ModelSpec("reference-mllm", "mllm", str(base), retain_set=base.parent / "retain_set")


def _kept(lm: MultimodalLM, seed: int) -> Sequence[Example]:
    """The training part of the model's retain set."""
    return load_family("mllm").keep_examples(lm, spec().retain_set, (), "standard", seed)["train"]


def curve(run: Run, say: Callable[[str], object]) -> list[Found]:
    """What is left after no request, after the first, …, after the tenth."""
    lm: MultimodalLM = load_family("mllm").load(spec(), precision="float32")
    asked, path = probes(run.seed), run.folder / "curve.json"
    run.folder.mkdir(parents=True, exist_ok=True)
    found: list[Found] = json.loads(path.read_text()) if path.exists() else [measure(lm, asked, 0)]
    path.write_text(json.dumps(found, indent=1))
    after = _stacked if run.way in STACKED else partial(_apart, kept=_kept(lm, run.seed))
    for count in range(len(found), len(FORGOTTEN) + 1):
        with after(lm, run, count):
            found.append(measure(lm, asked, count))
        path.write_text(json.dumps(found, indent=1))
        say(f"{run.way}, seed {run.seed}, {count}: {_line(found[-1])}")
    return found


def _line(found: Found) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in found.items())


@contextmanager
def _stacked(lm: MultimodalLM, run: Run, count: int) -> Iterator[None]:
    """The model with one more patch merged. It stays so."""
    merged = run.folder / f"{count}.safetensors"
    last = run.folder / f"{count - 1}.safetensors"
    if last.exists():
        lm.model.load_state_dict(load_file(last), strict=False)
    try:
        adapter = _trained(lm, run.way, FORGOTTEN[count - 1], run.seed, run.folder / str(count))
    except UnlearningError as error:
        # A model that has come apart already declines what the next request asks.
        (run.folder / f"{count}.txt").write_text(error.code)
    else:
        lm.model = PeftModel.from_pretrained(lm.model, adapter).merge_and_unload().eval().requires_grad_(False)
    yield
    tied = {"lm_head.weight"}
    save_file({k: v.contiguous() for k, v in lm.model.state_dict().items() if k not in tied}, merged)
    last.unlink(missing_ok=True)


@contextmanager
def _apart(lm: MultimodalLM, run: Run, count: int, kept: Sequence[Example]) -> Iterator[None]:
    """The registered model with what its first jobs left."""
    jobs = [_job(lm, index, run) for index in FORGOTTEN[:count]]
    if count == 1 or run.way == "added":
        with _all(lm, jobs):
            yield
        return
    out = run.folder / str(count)
    sources = [Source(str(n), recipe) for n, recipe in enumerate(jobs)]
    result = consolidate(lm, sources, kept, Consolidation(seed=run.seed), JobContext(out))
    (run.folder / f"{count}.json").write_text(json.dumps(dict(result.details), indent=1))
    plain, lm.model = lm.model, PeftModel.from_pretrained(lm.model, result.adapter).eval()
    try:
        yield
    finally:
        lm.model.unload()
        vars(plain).pop("peft_config", None)
        lm.model = plain


@contextmanager
def _all(lm: MultimodalLM, recipes: list[Recipe]) -> Iterator[None]:
    """All sculpted deltas added."""
    if not recipes:
        yield
        return
    first, *others = recipes
    with applying_deltas(lm.model, _shipped(first)), _all(lm, others):
        yield


def _shipped(recipe: Recipe) -> Any:
    strengths = (float(recipe.sculpt[name]) for name in ("k_image", "k_text"))
    return sculpted(recipe.views(*strengths), recipe.anchor, recipe.granularity)


def _job(lm: MultimodalLM, index: int, run: Run) -> Recipe:
    """The recipe that a job on the registered model left, shared by all ways that start from it."""
    folder = run.work / f"jobs-{run.seed}" / str(index)
    if not (folder / "adapter" / "adapter_config.json").exists():
        _trained(lm, "smfa", index, run.seed, folder)
    return Recipe.open(folder / "recipe")


def _trained(lm: MultimodalLM, method: str, index: int, seed: int, folder: Path) -> Path:
    """A single-person job with the method's own defaults; its adapter."""
    data = load_family("mllm").build_data(lm, _request(index, seed, folder), spec().retain_set, Silent(), seed)
    options = catalogue()[method].options.model_validate({"seed": seed})
    adapter: Path = load_method(method).run(lm, data, options, JobContext(folder)).adapter
    return adapter


def _request(index: int, seed: int, folder: Path) -> ForgetRequest:
    sample = reference.sample("mllm", known_people()[index].name, folder / "sample", seed=seed)
    asked = json.loads((sample / "request.json").read_text())
    images = tuple(path.read_bytes() for path in sorted((sample / "images").iterdir()))
    return ForgetRequest(Entity(asked["entity"]["name"]), tuple(asked["prompts"]), images)
