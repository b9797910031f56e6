"""Consolidation: what several jobs have learned as one patch, from their recipes and the model's retain set."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import Tensor

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.mllm.adapt import matching
from core.unlearning.families.mllm.model import MultimodalLM
from core.unlearning.families.mllm.training.applied import applied
from core.unlearning.families.mllm.training.held import Held
from core.unlearning.methods.base import MethodResult
from core.unlearning.methods.smfa.activations import Activations, second_moments
from core.unlearning.methods.smfa.consolidation import WEIGHTS, Options
from core.unlearning.methods.smfa.merge import Part, effect, merged, missing
from core.unlearning.methods.smfa.recipe import Recipe
from core.unlearning.patches import supertuning
from core.unlearning.patches.modules import ModuleDelta
from core.unlearning.progress import Progress
from core.unlearning.types import Example
from core.unlearning.types import Part as Questions

VIEWS = {"image": 1.0, "text": 3.0}
"""Weights of questions with pictures and of those without, in every moment: a picture's many tokens drown a name's."""
KINDS = {"memory": 0.7, "seen": 0.3}
"""Of what is kept: what the model knows of others, and what anybody can see or know."""
TIE = 0.002
"""Utilities this close count as equal."""
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
        """What it has learned for one of them."""
        import torch

        views = [(*view.factors[module], view.share) for view in self.recipe.views(0.0, 0.0)]
        a = torch.cat([a for a, _, _ in views]).double()
        b = torch.cat([share * b for _, b, share in views], 1).double()
        return Part(a, b, self.activations.moment(module, VIEWS))


@dataclass
class Candidate:
    """The patch by one weight of what is kept. `effects` by source; `utility` as in the k sweep."""

    weight: float
    deltas: list[ModuleDelta] = field(default_factory=list)
    lacking: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    utility: float = 1.0

    @property
    def effects(self) -> dict[str, float]:
        """How much of each job's effect is left, in [0, 1]."""
        return {name: round(effect(found), 4) for name, found in self.lacking.items()}

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        effects = self.effects.values()
        told = {"effect": round(fmean(effects), 4), "least_effect": min(effects)}
        return {"keep_weight": self.weight, "utility": round(self.utility, 5), **told}


def consolidate(
    lm: MultimodalLM,
    sources: Sequence[Source],
    kept: Mapping[Questions, Sequence[Example]],
    options: Options,
    workdir: Path,
    progress: Progress,
) -> MethodResult:
    """Write `workdir/adapter`, and the recipes into `workdir/recipe`. The model itself is left as it was.

    Raises `InvalidInputError` (`too_few_recipes`, `invalid_recipe`).
    """
    sources = _different(sources)
    if len(sources) < 2:
        raise InvalidInputError("consolidation needs recipes of two requests at least", code="too_few_recipes")
    targets = "|".join(dict.fromkeys(str(source.recipe.sculpt["target_modules"]) for source in sources))
    matching(lm.model, targets)
    weights = WEIGHTS if options.keep_weight == "auto" else (options.keep_weight,)
    progress.phase("sculpting", 1 + len(weights))
    candidates = [Candidate(weight) for weight in weights]
    _solve(lm, sources, kept["train"], candidates)
    progress.step()
    held = Held(lm, kept["validation"])
    for candidate in candidates:
        with applied(lm.model, candidate.deltas):
            candidate.utility = held.measure()[1]
        progress.step()
    chosen = best(candidates)
    progress.metric("validation_utility", chosen.utility)
    base = sources[0].recipe.sculpt["base_model"]
    stored = supertuning.write(
        lambda: iter(chosen.deltas), workdir / "adapter", base_model=base, target_modules=targets
    )
    _keep_recipes(sources, chosen, workdir / "recipe")
    details = {
        "keep_weight": chosen.weight,
        "weights": [candidate.as_json() for candidate in candidates],
        "effects": chosen.effects,
        "target_modules": targets,
        "modules": stored.modules,
        "rank": stored.rank,
    }
    return MethodResult(workdir / "adapter", workdir / "recipe", details)


def best(candidates: Sequence[Candidate]) -> Candidate:
    """Of those that keep as much as any, the one that forgets most."""
    most = max(candidate.utility for candidate in candidates)
    return min((c for c in candidates if c.utility >= most - TIE), key=lambda c: c.weight)


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
    lm: MultimodalLM, sources: Sequence[Source], kept: Sequence[Example], candidates: Sequence[Candidate]
) -> None:
    for candidate in candidates:
        candidate.lacking = {source.name: [] for source in sources}
    for modules in _groups(lm, sorted({module for source in sources for module in source.modules})):
        moments = _kept_moments(lm, kept, modules)
        for module in modules:
            parts = {source.name: source.part(module) for source in sources if module in source.modules}
            for candidate in candidates:
                delta = merged(module, list(parts.values()), moments[module], candidate.weight)
                candidate.deltas.append(delta)
                for name, part in parts.items():
                    candidate.lacking[name].append(missing(delta, part))


def _groups(lm: MultimodalLM, modules: Sequence[str]) -> Iterator[list[str]]:
    """As many matrices together as have moments that fit into memory."""
    group: list[str] = []
    size = 0
    for module in modules:
        needed = 8 * len(KINDS) * len(VIEWS) * int(lm.model.get_submodule(module).in_features) ** 2
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
                total[module] = total.get(module, 0) + share * VIEWS[view] * moment
    if not total:
        raise InvalidInputError("the model's retain set has no training part to keep", code="no_retain_set")
    return total


def _keep_recipes(sources: Sequence[Source], chosen: Candidate, out: Path) -> None:
    """So that what is put together can be put together with more, when the jobs themselves have expired."""
    for n, source in enumerate(sources):
        shutil.copytree(source.recipe.folder, out / str(n), dirs_exist_ok=True)
    plan = {"format": 1, "jobs": [source.name for source in sources], "keep_weight": chosen.weight}
    (out / PLAN).write_text(json.dumps(plan, indent=2, sort_keys=True) + "\n")
