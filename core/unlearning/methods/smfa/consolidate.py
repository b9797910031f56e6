"""Consolidation: one patch from the recipes of several jobs and the model's retain set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.target_modules import match_modules
from core.unlearning.methods.base import Consolidated, JobContext
from core.unlearning.methods.smfa.activations import Activations, second_moments
from core.unlearning.methods.smfa.consolidation_options import Options
from core.unlearning.methods.smfa.merge import JobDelta, effect_left, job_delta, lost_effect, merge
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.methods.smfa.sculpt import ForgettingAdapter, sculpt_module
from core.unlearning.patches import supertuning
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.progress import Progress
from core.unlearning.types import Example

FORGET_VIEWS = {"image": 1.0, "text": 1.0}
RETAIN_VIEWS = {"image": 1.0, "text": 6.0}
"""Weights of the moments of questions with pictures and of those without. A picture has many tokens and a name few, and
what is known by name is more easily forgotten than retained.
"""
RETAIN_KINDS = {"memory": 0.7, "seen": 0.3}
"""Weights of what the model knows of others, and of what anybody can see or know."""
MIN_K = 1.0
"""The least k in consolidation, where a patch may lose a quarter of its effect. Jobs that chose a smaller k get this
one."""
_MAX_MOMENT_BYTES = 2**31
"""Memory for the moments that are held at once."""
_INDEX = "consolidated.json"


@dataclass
class JobRecipe:
    """The recipe of one job. `name` is the job's in the report."""

    name: str
    recipe: Recipe

    @cached_property
    def activations(self) -> Activations:
        """The second moments of its matrices' inputs on the forgotten questions."""
        return Activations(self.recipe.folder)

    @property
    def modules(self) -> list[str]:
        """The matrices that it changes."""
        return self.recipe.anchor.names

    def delta(self, module: str) -> JobDelta:
        """The sculpted delta of one matrix."""
        adapters = [(*adapter.factors[module], adapter.k, adapter.share) for adapter in self._adapters]
        delta = sculpt_module(module, adapters, self.recipe.anchor[module], self.recipe.granularity)
        return job_delta(delta, self.activations.moment(module, FORGET_VIEWS))

    @cached_property
    def _adapters(self) -> list[ForgettingAdapter]:
        strengths = (max(MIN_K, float(self.recipe.sculpt[name])) for name in ("k_image", "k_text"))
        return self.recipe.forgetting_adapters(*strengths)


def consolidate(
    lm: LanguageModel, recipes: Sequence[JobRecipe], retained: Sequence[Example], options: Options, job: JobContext
) -> Consolidated:
    """Write `job.adapter`, and the recipes into `job.recipe`. The model itself is left as it was.

    `retained`: the training part of the retain set. Raises `InvalidInputError` (`too_few_recipes`, `invalid_recipe`,
    `no_retain_set`).
    """
    recipes = _distinct(recipes)
    if len(recipes) < 2:
        raise InvalidInputError("consolidation needs recipes of two requests at least", code="too_few_recipes")
    targets = "|".join(dict.fromkeys(str(recipe.recipe.sculpt["target_modules"]) for recipe in recipes))
    match_modules(lm.model, targets)
    deltas, effects = _merge_all(lm, recipes, retained, options, job.progress)
    base = recipes[0].recipe.sculpt["base_model"]
    stored = supertuning.write(lambda: iter(deltas), job.adapter, base_model=base, target_modules=targets)
    _copy_recipes(recipes, job.recipe)
    details = {"effects": effects, "target_modules": targets, "modules": stored.modules, "rank": stored.rank}
    return Consolidated(job.adapter, job.recipe, details, effects)


def open_job_recipes(folder: Path, name: str) -> list[JobRecipe]:
    """The recipe in a folder, or the recipes of a consolidated patch. Raises `InvalidInputError`."""
    index = folder / _INDEX
    if not index.is_file():
        return [JobRecipe(name, Recipe.open(folder))]
    names = json.loads(index.read_text())["jobs"]
    return [JobRecipe(inner, Recipe.open(folder / str(n))) for n, inner in enumerate(names)]


def _distinct(recipes: Sequence[JobRecipe]) -> list[JobRecipe]:
    """Each set of adapters once: sculpting a job again leaves them as they are."""
    return list({json.dumps(r.recipe.sculpt["sha256"], sort_keys=True): r for r in reversed(recipes)}.values())[::-1]


def _merge_all(
    lm: LanguageModel, recipes: Sequence[JobRecipe], retained: Sequence[Example], options: Options, progress: Progress
) -> tuple[list[ModuleDelta], dict[str, float]]:
    """The merged delta of every matrix, and by job the share of its effect that is left, in [0, 1]."""
    deltas: list[ModuleDelta] = []
    losses: dict[str, list[tuple[float, float]]] = {recipe.name: [] for recipe in recipes}
    groups = list(_groups(lm, sorted({module for recipe in recipes for module in recipe.modules})))
    progress.phase("sculpting", len(groups))
    for modules in groups:
        moments = _retain_moments(lm, retained, modules)
        for module in modules:
            jobs = {recipe.name: recipe.delta(module) for recipe in recipes if module in recipe.modules}
            merged = merge(module, list(jobs.values()), moments[module], options.keep_weight, options.strength)
            deltas.append(merged)
            for name, own in jobs.items():
                losses[name].append(lost_effect(merged, own))
        progress.step()
    return deltas, {name: round(effect_left(of_job), 4) for name, of_job in losses.items()}


def _groups(lm: LanguageModel, modules: Sequence[str]) -> Iterator[list[str]]:
    """Groups of matrices whose moments fit into memory together."""
    group: list[str] = []
    size = 0
    for module in modules:
        needed = 8 * len(RETAIN_KINDS) * len(RETAIN_VIEWS) * int(lm.model.get_submodule(module).in_features) ** 2
        if group and size + needed > _MAX_MOMENT_BYTES:
            yield group
            group, size = [], 0
        group.append(module)
        size += needed
    yield group


def _retain_moments(lm: LanguageModel, retained: Sequence[Example], modules: Sequence[str]) -> dict[str, Tensor]:
    """By matrix the weighted second moment of its inputs on questions with their answers, which must not change."""
    total: dict[str, Tensor] = {}
    answered = [e for e in retained if e.answer and e.split != "declined"]
    for kind, share in RETAIN_KINDS.items():
        examples = [e for e in answered if e.split.endswith("_memory") is (kind == "memory")]
        rows = [lm.encoder.with_answer(e.question, e.image, e.answer) for e in examples]
        for view, moments in second_moments(lm, rows, modules).items():
            for module, moment in moments.items():
                total[module] = total.get(module, 0) + share * RETAIN_VIEWS[view] * moment
    if not total:
        raise InvalidInputError("the model's retain set has no training part to keep", code="no_retain_set")
    return total


def _copy_recipes(recipes: Sequence[JobRecipe], out: Path) -> None:
    """Copied, so that this patch can be consolidated with more when the jobs themselves have expired."""
    for n, recipe in enumerate(recipes):
        shutil.copytree(recipe.recipe.folder, out / str(n), dirs_exist_ok=True)
    index = {"format": 1, "jobs": [recipe.name for recipe in recipes]}
    (out / _INDEX).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
