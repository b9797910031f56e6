"""SMFA from end to end: train the adapters, choose k, write the sculpted adapter and the recipe."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.model.frozen import caching_answers
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.target_modules import match_modules
from core.unlearning.families.language.training.adapters import activate_adapter, save_adapter, with_adapters
from core.unlearning.families.language.training.deltas import applying_deltas
from core.unlearning.families.language.training.resume import TrainingState
from core.unlearning.families.language.training.rows import FORGET
from core.unlearning.families.language.training.train import AdapterTraining, train
from core.unlearning.methods.base import JobContext, MethodResult, Resculpted, Strength
from core.unlearning.methods.shared.lora_forgetting import targets_of, thin_losses
from core.unlearning.methods.smfa import activations, recipe
from core.unlearning.methods.smfa.adapter_trainings import plan_trainings
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.consolidate import consolidate, open_job_recipes
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.methods.smfa.sweep import FORGET_METRICS, Point, best, grid, nearest_weaker, sweep
from core.unlearning.methods.smfa.validation import Validation
from core.unlearning.patches import lora_export, supertuning
from core.unlearning.patches.bundle import LORA_EXPORT
from core.unlearning.snapshot import Snapshot
from core.unlearning.types import JobData


class Smfa:
    """The method `smfa`."""

    open_recipe = staticmethod(open_job_recipes)
    consolidate = staticmethod(consolidate)

    def run(self, model: LanguageModel, data: JobData, options: Options, job: JobContext) -> MethodResult:
        """Write `job.adapter` and `job.recipe`. The model itself is left as it was."""
        targets = targets_of(model, options)
        with caching_answers(model, job.checkpoints, job.progress, "targets", large=True):
            validation = Validation.prepare(model, data, options)
            trainings = plan_trainings(model, data, options)
        for training in trainings:
            training.stop_early = validation.stop_rule(training.name, options.stop_below)
        _train(model, trainings, options, targets, job)
        written = recipe.write(job.recipe, options, targets, model.source)
        points = _sweep(model, validation, options, written, job)
        chosen = best(points, options.utility_floor)
        written = recipe.choose(written, chosen.k_image, chosen.k_text, [p.as_json() for p in points])
        _write_activations(model, data, written)
        details = {
            "losses": {t.name: thin_losses(t.losses) for t in trainings},
            "steps": {t.name: len(t.losses) for t in trainings},
        }
        return _write(written, job, details, options.lora_export_rank)

    def resculpt(self, model: LanguageModel, folder: Path, strength: Strength, job: JobContext) -> Resculpted:
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
        recorded = nearest_weaker(curve, k_image, k_text)
        forget = None if recorded is None else recorded.forget
        return Resculpted(result.adapter, result.recipe, result.details, forget, FORGET_METRICS)


def _train(
    lm: LanguageModel, trainings: Sequence[AdapterTraining], options: Options, targets: str, job: JobContext
) -> None:
    """One adapter after the other, each saved to the recipe."""
    names = [training.name for training in trainings]
    state = TrainingState(job.checkpoints, names, options)
    job.progress.phase("training", sum(training.steps for training in trainings), done=state.steps_done)
    with with_adapters(lm.model, names, targets, options) as wrapped:
        for training in trainings:
            parameters = activate_adapter(wrapped, training.name)
            train(lm, wrapped, parameters, training, options, job.progress, state)
            save_adapter(wrapped, training.name, job.recipe / training.name, lm.source)


def _sweep(
    lm: LanguageModel, validation: Validation, options: Options, written: Recipe, job: JobContext
) -> list[Point]:
    """The curve, from the checkpoint of an earlier process where it was measured with the same adapters."""
    pairs, adapters = grid(options), written.sculpt["sha256"]
    saved = Snapshot.unpack(job.checkpoints.load("curve"))
    same = saved is not None and saved.meta["adapters"] == adapters
    points = [Point.from_json(row) for row in saved.meta["curve"]] if saved and same else []
    job.progress.phase("sculpting", len(pairs), done=len(points))
    if not points:
        points = sweep(lm, written, validation, pairs, job.progress)
        curve = [point.as_json() for point in points]
        job.checkpoints.save("curve", Snapshot({"adapters": adapters, "curve": curve}).pack())
    chosen = best(points, options.utility_floor)
    job.progress.metric("validation_utility", chosen.utility)
    job.progress.metric("validation_forget", chosen.forget)
    return points


def _write_activations(lm: LanguageModel, data: JobData, written: Recipe) -> None:
    """The sculpted model's second moments on the forgotten questions, for consolidation."""
    questions = list({(e.question, id(e.image)): e for e in data.train if e.split in FORGET}.values())
    prompts = [lm.encoder.prompt(e.question, e.image) for e in questions]
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
