"""SMFA from end to end: train the adapters, choose k, write the sculpted adapter and the recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from core.unlearning.methods.base import JobContext, MethodResult
from core.unlearning.methods.shared.lora_forgetting import targets_of, thin
from core.unlearning.methods.smfa import activations, courses, recipe
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.methods.smfa.sculpt import sculpted
from core.unlearning.methods.smfa.strangers import Excess
from core.unlearning.methods.smfa.sweep import Point, best, grid, sweep
from core.unlearning.patches import lora_export, supertuning
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
            "losses": {c.name: thin(c.losses) for c in trained},
            "steps": {c.name: len(c.losses) for c in trained},
        }
        return _write(written, chosen, job.workdir, details, options.lora_export_rank)

    def resculpt(
        self,
        model: MultimodalLM,
        recipe_dir: Path,
        k_image: float | None = None,
        k_text: float | None = None,
        utility_floor: float | None = None,
        *,
        workdir: Path,
        progress: Progress,
    ) -> MethodResult:
        """Sculpt again with other strengths, or with those that the recorded curve gives for another floor.

        `model`: the base model the recipe fits. Nothing of the subject's data is needed.
        Raises `InvalidInputError` for a recipe that does not fit.
        """
        opened = Recipe.open(recipe_dir)
        match_modules(model.model, opened.sculpt["target_modules"])
        progress.phase("sculpting", 1)
        points = [Point.from_json(row) for row in opened.sculpt["curve"]]
        chosen = best(points, utility_floor) if utility_floor is not None else _asked(opened, k_image, k_text)
        _copy(recipe_dir, workdir / "recipe")
        curve = opened.sculpt["curve"]
        written = recipe.choose(Recipe.open(workdir / "recipe"), chosen.k_image, chosen.k_text, curve)
        result = _write(written, chosen, workdir, {}, None)
        progress.step()
        return result


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
    strengths = (float(written.sculpt[name]) for name in ("k_image", "k_text"))
    with applying_deltas(lm.model, sculpted(written.views(*strengths), written.anchor, written.granularity)):
        moments = activations.second_moments(lm, prompts, written.anchor.names)
    activations.write(written.folder, moments)


def _asked(opened: Recipe, k_image: float | None, k_text: float | None) -> Point:
    if k_image is None and k_text is None:
        raise InvalidInputError("give k_image, k_text or utility_floor", code="invalid_option")
    image = float(opened.sculpt["k_image"]) if k_image is None else k_image
    text = float(opened.sculpt["k_text"]) if k_text is None else k_text
    if opened.sculpt["views"] == "joint":
        image = text = image if k_image is not None else text
    known = [Point.from_json(row) for row in opened.sculpt["curve"]]
    same = [p for p in known if (p.k_image, p.k_text) == (image, text)]
    return same[0] if same else Point(image, text, float("nan"), float("nan"))


def _write(
    written: Recipe, chosen: Point, workdir: Path, details: dict[str, Any], export_rank: int | None
) -> MethodResult:
    def modules() -> Any:
        return sculpted(written.views(chosen.k_image, chosen.k_text), written.anchor, written.granularity)

    base, targets = written.sculpt["base_model"], written.sculpt["target_modules"]
    stored = supertuning.write(modules, workdir / "adapter", base_model=base, target_modules=targets)
    if export_rank:
        lora_export.write(
            modules,
            workdir / "lora_export",
            rank=export_rank,
            base_model=base,
            target_modules=targets,
            seed=written.sculpt["seed"],
        )
    details = {
        **details,
        "k_image": written.sculpt["k_image"],
        "k_text": written.sculpt["k_text"],
        "curve": written.sculpt["curve"],
        "target_modules": targets,
        "modules": stored.modules,
        "sparse_entries": stored.nnz,
    }
    return MethodResult(workdir / "adapter", written.folder, details)


def _copy(source: Path, target: Path) -> None:
    import shutil

    if source.resolve() != target.resolve():
        shutil.copytree(source, target, dirs_exist_ok=True)


METHOD = Smfa()
