"""Consolidation: what several jobs have learned as one patch, from their recipes and the model's retain set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.model.target_modules import match_modules
from core.unlearning.methods.base import Consolidated, JobContext
from core.unlearning.methods.smfa.activations import Activations, second_moments
from core.unlearning.methods.smfa.consolidation import Options
from core.unlearning.methods.smfa.merge import Part, effect, merged, missing, part
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.methods.smfa.sculpt import View, sculpt_module
from core.unlearning.patches import supertuning
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.progress import Progress
from core.unlearning.types import Example

FORGET_VIEWS = {"image": 1.0, "text": 1.0}
KEEP_VIEWS = {"image": 1.0, "text": 6.0}
"""Weights of questions with pictures and of those without. A picture's many tokens drown a name's, and what is known by
name is forgotten more easily than it is kept.
"""
KINDS = {"memory": 0.7, "seen": 0.3}
"""Of what is kept: what the model knows of others, and what anybody can see or know."""
LEAST_K = 1.0
"""Where a job chose to be sculpted more than that: together, its patch must bear to lose a quarter of its effect."""
_BYTES = 2**31
"""Of moments that are held at once."""
PLAN = "consolidated.json"


@dataclass
class Source:
    """One job's recipe. `name` is how the report calls it."""

    name: str
    recipe: Recipe

    @cached_property
    def activations(self) -> Activations:
        """Where its matrices met the subject."""
        return Activations(self.recipe.folder)

    @property
    def modules(self) -> list[str]:
        """The matrices that it changes."""
        return self.recipe.anchor.names

    def part(self, module: str) -> Part:
        """What its patch does to one of them."""
        chosen = [(*view.factors[module], view.k, view.share) for view in self._views]
        delta = sculpt_module(module, chosen, self.recipe.anchor[module], self.recipe.granularity)
        return part(delta, self.activations.moment(module, FORGET_VIEWS))

    @cached_property
    def _views(self) -> list[View]:
        return self.recipe.views(*(max(LEAST_K, float(self.recipe.sculpt[name])) for name in ("k_image", "k_text")))


def consolidate(
    lm: MultimodalLM,
    sources: Sequence[Source],
    kept: Sequence[Example],
    options: Options,
    job: JobContext,
) -> Consolidated:
    """Write `job.adapter`, and the recipes into `job.recipe`. The model itself is left as it was.

    `kept`: the training part of the retain set. Raises `InvalidInputError` (`too_few_recipes`, `invalid_recipe`,
    `no_retain_set`).
    """
    sources = _different(sources)
    if len(sources) < 2:
        raise InvalidInputError("consolidation needs recipes of two requests at least", code="too_few_recipes")
    targets = "|".join(dict.fromkeys(str(source.recipe.sculpt["target_modules"]) for source in sources))
    match_modules(lm.model, targets)
    deltas, effects = _solve(lm, sources, kept, options, job.progress)
    base = sources[0].recipe.sculpt["base_model"]
    stored = supertuning.write(lambda: iter(deltas), job.adapter, base_model=base, target_modules=targets)
    _keep_recipes(sources, job.recipe)
    details = {"effects": effects, "target_modules": targets, "modules": stored.modules, "rank": stored.rank}
    return Consolidated(job.adapter, job.recipe, details, effects)


def opened(folder: Path, name: str) -> list[Source]:
    """The recipe in a folder, or those of a patch that was itself put together. Raises `InvalidInputError`."""
    plan = folder / PLAN
    if not plan.is_file():
        return [Source(name, Recipe.open(folder))]
    names = json.loads(plan.read_text())["jobs"]
    return [Source(inner, Recipe.open(folder / str(n))) for n, inner in enumerate(names)]


def _different(sources: Sequence[Source]) -> list[Source]:
    """Each recipe once: of one that was sculpted again the adapters are the same."""
    return list({json.dumps(s.recipe.sculpt["sha256"], sort_keys=True): s for s in reversed(sources)}.values())[::-1]


def _solve(
    lm: MultimodalLM, sources: Sequence[Source], kept: Sequence[Example], options: Options, progress: Progress
) -> tuple[list[ModuleDelta], dict[str, float]]:
    """The deltas, and by job how much of its patch's effect on its subject's questions is left, in [0, 1]."""
    deltas: list[ModuleDelta] = []
    lacking: dict[str, list[tuple[float, float]]] = {source.name: [] for source in sources}
    groups = list(_groups(lm, sorted({module for source in sources for module in source.modules})))
    progress.phase("sculpting", len(groups))
    for modules in groups:
        moments = _kept_moments(lm, kept, modules)
        for module in modules:
            parts = {source.name: source.part(module) for source in sources if module in source.modules}
            kept_here = moments[module]
            deltas.append(merged(module, list(parts.values()), kept_here, options.keep_weight, options.strength))
            for name, own in parts.items():
                lacking[name].append(missing(deltas[-1], own))
        progress.step()
    return deltas, {name: round(effect(found), 4) for name, found in lacking.items()}


def _groups(lm: MultimodalLM, modules: Sequence[str]) -> Iterator[list[str]]:
    """As many matrices together as have moments that fit into memory."""
    group: list[str] = []
    size = 0
    for module in modules:
        needed = 8 * len(KINDS) * len(KEEP_VIEWS) * int(lm.model.get_submodule(module).in_features) ** 2
        if group and size + needed > _BYTES:
            yield group
            group, size = [], 0
        group.append(module)
        size += needed
    yield group


def _kept_moments(lm: MultimodalLM, kept: Sequence[Example], modules: Sequence[str]) -> dict[str, Tensor]:
    """Of questions with their answers: those are what must come out as before."""
    total: dict[str, Tensor] = {}
    for kind, share in KINDS.items():
        told = [
            e for e in kept if e.answer and e.split != "declined" and e.split.endswith("_memory") is (kind == "memory")
        ]
        rows = [lm.encoder.with_answer(e.question, e.image, e.answer) for e in told]
        for view, moments in second_moments(lm, rows, modules).items():
            for module, moment in moments.items():
                total[module] = total.get(module, 0) + share * KEEP_VIEWS[view] * moment
    if not total:
        raise InvalidInputError("the model's retain set has no training part to keep", code="no_retain_set")
    return total


def _keep_recipes(sources: Sequence[Source], out: Path) -> None:
    """So that what is put together can be put together with more, when the jobs themselves have expired."""
    for n, source in enumerate(sources):
        shutil.copytree(source.recipe.folder, out / str(n), dirs_exist_ok=True)
    plan = {"format": 1, "jobs": [source.name for source in sources]}
    (out / PLAN).write_text(json.dumps(plan, indent=2, sort_keys=True) + "\n")
