"""SMFA from end to end: train the adapters, choose k, write the sculpted adapter and the recipe."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.unlearning.checkpoints import Checkpoints
from core.unlearning.errors import InvalidInputError
from core.unlearning.families.mllm.model.frozen import caching_answers
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.model.target_modules import match_modules
from core.unlearning.families.mllm.training.adapters import activate_adapter, save_adapter, with_adapters
from core.unlearning.families.mllm.training.deltas import applying_deltas
from core.unlearning.families.mllm.training.heldout import HeldOutQuestions
from core.unlearning.families.mllm.training.resume import TrainingState
from core.unlearning.families.mllm.training.rows import FORGET
from core.unlearning.families.mllm.training.train import AdapterTraining, train
from core.unlearning.methods.base import JobContext, MethodResult, Resculpted, Strength
from core.unlearning.methods.shared.lora_forgetting import targets_of, thin_losses
from core.unlearning.methods.smfa import activations, courses, recipe
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.consolidate import consolidate, opened
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.methods.smfa.strangers import Excess
from core.unlearning.methods.smfa.sweep import FORGET_METRICS, Point, best, grid, nearest_weaker, sweep
from core.unlearning.patches import lora_export, supertuning
from core.unlearning.patches.bundle import LORA_EXPORT
from core.unlearning.progress import Progress
from core.unlearning.snapshot import Snapshot
from core.unlearning.types import JobData

ERASED = 0.01
"""Share of the excess from which on an adapter has erased enough."""


class Smfa:
    """The method `smfa`."""

    def run(self, model: MultimodalLM, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter` and `job.recipe`. The model itself is left as it was."""
        targets = targets_of(model, options)
        with caching_answers(model, job.checkpoints, job.progress, "targets", large=True):
            held, excess = HeldOutQuestions(model, data.validation), _excess(model, data, options)
            trained = _plan(model, data, options, held, excess)
        state = TrainingState(job.checkpoints, [course.name for course in trained], options)
        _train(model, trained, options, targets, job.recipe, job.progress, state)
        written = recipe.write(job.recipe, options, targets, model.source)
        points = _sweep(model, held, excess, options, written, job.progress, job.checkpoints)
        chosen = best(points, options.utility_floor)
        written = recipe.choose(written, chosen.k_image, chosen.k_text, [p.as_json() for p in points])
        _note_activations(model, data, written)
        details = {
            "losses": {c.name: thin_losses(c.losses) for c in trained},
            "steps": {c.name: len(c.losses) for c in trained},
        }
        return _write(written, job, details, options.lora_export_rank)

    open_recipe = staticmethod(opened)
    consolidate = staticmethod(consolidate)

    def resculpt(self, model: MultimodalLM, folder: Path, strength: Strength, job: JobContext) -> Resculpted:
        """Sculpt again with other strengths, or with those that the recorded curve gives for another floor.

        `model`: the base model the recipe fits. Nothing of the subject's data is needed.
        Raises `InvalidInputError` for a recipe that does not fit.
        """
        earlier = Recipe.open(folder)
        match_modules(model.model, earlier.sculpt["target_modules"])
        job.progress.phase("sculpting", 1)
        curve = [Point.from_json(row) for row in earlier.sculpt["curve"]]
        k_image, k_text = _strengths(earlier, curve, strength)
        _copy(folder, job.recipe)
        written = recipe.choose(Recipe.open(job.recipe), k_image, k_text, earlier.sculpt["curve"])
        result = _write(written, job, {}, None)
        job.progress.step()
        known = nearest_weaker(curve, k_image, k_text)
        forget = None if known is None else known.forget
        return Resculpted(result.adapter, result.recipe, result.details, forget, FORGET_METRICS)


def _excess(lm: MultimodalLM, data: JobData, options: Options) -> Excess | None:
    if options.mode == "suppression":
        return None
    declined = [e for e in data.train if e.split == "declined"]
    return Excess(lm, [e for e in data.validation if e.split in FORGET], declined, options.seed)


def _plan(
    lm: MultimodalLM, data: JobData, options: Options, held: HeldOutQuestions, excess: Excess | None
) -> list[AdapterTraining]:
    planned = courses.plan(lm, data, options)
    for course in planned:
        course.stop_early = _enough(held, excess, course.name, options.stop_below)
    return planned


def _train(
    lm: MultimodalLM,
    planned: Sequence[AdapterTraining],
    options: Options,
    targets: str,
    folder: Path,
    progress: Progress,
    state: TrainingState,
) -> None:
    progress.phase("training", sum(course.steps for course in planned), done=state.steps_done)
    with with_adapters(lm.model, [course.name for course in planned], targets, options) as wrapped:
        for course in planned:
            train(lm, wrapped, activate_adapter(wrapped, course.name), course, options, progress, state)
            save_adapter(wrapped, course.name, folder / course.name, lm.source)


def _enough(held: HeldOutQuestions, excess: Excess | None, name: str, below: float | None) -> Callable[[], bool] | None:
    """When a forgetting adapter has learned enough. The anchor takes every step."""
    if below is None or name == recipe.ANCHOR:
        return None
    images = {recipe.IMAGE: True, recipe.TEXT: False}.get(name)
    return lambda: held.forgotten(below, images=images) and (excess is None or excess.left(images=images) <= ERASED)


def _sweep(
    lm: MultimodalLM,
    held: HeldOutQuestions,
    excess: Excess | None,
    options: Options,
    written: Recipe,
    progress: Progress,
    checkpoints: Checkpoints,
) -> list[Point]:
    pairs = grid(options)
    kept = Snapshot.unpack(checkpoints.load("curve"))
    adapters = written.sculpt["sha256"]
    same = kept is not None and kept.meta["adapters"] == adapters
    points = [Point.from_json(row) for row in kept.meta["curve"]] if kept and same else []
    progress.phase("sculpting", len(pairs), done=len(points))
    if not points:
        points = sweep(lm, written, held, pairs, progress, excess)
        checkpoints.save("curve", Snapshot({"adapters": adapters, "curve": [p.as_json() for p in points]}).pack())
    chosen = best(points, options.utility_floor)
    progress.metric("validation_utility", chosen.utility)
    progress.metric("validation_forget", chosen.forget)
    return points


def _note_activations(lm: MultimodalLM, data: JobData, written: Recipe) -> None:
    """Where the sculpted adapters meet the subject, which consolidation must know."""
    asked = list({(e.question, id(e.image)): e for e in data.train if e.split in FORGET}.values())
    prompts = [lm.encoder.prompt(e.question, e.image) for e in asked]
    with applying_deltas(lm.model, written.sculpted()):
        moments = activations.second_moments(lm, prompts, written.anchor.names)
    activations.write(written.folder, moments)


def _strengths(earlier: Recipe, curve: Sequence[Point], asked: Strength) -> tuple[float, float]:
    """K of the image and of the text view. Raises `InvalidInputError` where neither nor a floor is asked for."""
    if asked.utility_floor is not None:
        chosen = best(curve, asked.utility_floor)
        return chosen.k_image, chosen.k_text
    if asked.k_image is None and asked.k_text is None:
        raise InvalidInputError("give k_image, k_text or utility_floor", code="invalid_option")
    image = float(earlier.sculpt["k_image"]) if asked.k_image is None else asked.k_image
    text = float(earlier.sculpt["k_text"]) if asked.k_text is None else asked.k_text
    if earlier.sculpt["views"] == "joint":
        image = text = image if asked.k_image is not None else text
    return image, text


def _write(written: Recipe, job: JobContext, details: Mapping[str, Any], export_rank: int | None) -> MethodResult:
    """The adapter of a recipe whose strengths are chosen, and beside it a plain LoRA of `export_rank`."""
    base, targets = written.sculpt["base_model"], written.sculpt["target_modules"]
    stored = supertuning.write(written.sculpted, job.adapter, base_model=base, target_modules=targets)
    if export_rank:
        folder, seed = job.workdir / LORA_EXPORT, written.sculpt["seed"]
        lora_export.write(
            written.sculpted, folder, rank=export_rank, base_model=base, target_modules=targets, seed=seed
        )
    chosen = {name: written.sculpt[name] for name in ("k_image", "k_text", "curve")}
    size = {"target_modules": targets, "modules": stored.modules, "sparse_entries": stored.nnz}
    return MethodResult(job.adapter, written.folder, {**details, **chosen, **size})


def _copy(source: Path, target: Path) -> None:
    if source.resolve() != target.resolve():
        shutil.copytree(source, target, dirs_exist_ok=True)


METHOD = Smfa()
