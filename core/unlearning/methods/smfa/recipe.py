"""The recipe: the unsculpted adapters as plain PEFT LoRAs, and sculpt.json. Sculpting again needs nothing else."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.language.training.adapters import LoraFactors
from core.unlearning.methods.smfa.config import Options
from core.unlearning.methods.smfa.sculpt import EPS, ForgettingAdapter, Granularity, product_norm, sculpt
from core.unlearning.patches.modules import ModuleDelta

ANCHOR = "ra"
JOINT = "mfa_joint"
IMAGE, TEXT = "mfa_image", "mfa_text"
Views = Literal["joint", "separate"]
_FILE = "sculpt.json"


def adapter_names(views: Views) -> tuple[str, ...]:
    """The forgetting adapters of a recipe."""
    return (JOINT,) if views == "joint" else (IMAGE, TEXT)


@dataclass(frozen=True)
class Recipe:
    """An opened recipe folder."""

    folder: Path
    sculpt: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Recipe:
        """Read and check it. Raises `InvalidInputError` (`invalid_recipe`)."""
        try:
            sculpt = json.loads((folder / _FILE).read_text())
            hashes = {name: _digest(folder / name) for name in (*adapter_names(sculpt["views"]), ANCHOR)}
        except (OSError, ValueError, KeyError) as error:
            raise InvalidInputError("the recipe is incomplete", code="invalid_recipe") from error
        if hashes != sculpt["sha256"]:
            raise InvalidInputError("the recipe's adapters are not those it was written with", code="invalid_recipe")
        return cls(folder, sculpt)

    @property
    def anchor(self) -> LoraFactors:
        """The retaining anchor."""
        return LoraFactors(self.folder / ANCHOR)

    @property
    def granularity(self) -> Granularity:
        """What sculpting removes: single weights or whole rows."""
        granularity: Granularity = self.sculpt["granularity"]
        return granularity

    def forgetting_adapters(self, k_image: float, k_text: float) -> list[ForgettingAdapter]:
        """The forgetting adapters with their strengths; a joint adapter has `k_image`."""
        names = adapter_names(self.sculpt["views"])
        share = 1.0 / len(names) if self.sculpt["combine"] == "average" else 1.0
        strengths = zip(names, (k_image, k_text), strict=False)
        return [ForgettingAdapter(LoraFactors(self.folder / name), k, share) for name, k in strengths]

    def sculpted(self, k_image: float | None = None, k_text: float | None = None) -> Iterator[ModuleDelta]:
        """Every matrix of the sculpted adapter, by these strengths or by those that were chosen."""
        image = float(self.sculpt["k_image"]) if k_image is None else k_image
        text = float(self.sculpt["k_text"]) if k_text is None else k_text
        return sculpt(self.forgetting_adapters(image, text), self.anchor, self.granularity)


def write(folder: Path, options: Options, targets: str, base_model: str) -> Recipe:
    """Write sculpt.json beside adapters that are saved already; k is filled in by `choose`."""
    names = adapter_names(options.views)
    anchor = LoraFactors(folder / ANCHOR)
    sculpt: dict[str, Any] = {
        "format": 1,
        "base_model": base_model,
        "target_modules": targets,
        "views": options.views,
        "combine": options.combine,
        "granularity": options.granularity,
        "seed": options.seed,
        "options": options.model_dump(mode="json"),
        "sha256": {name: _digest(folder / name) for name in (*names, ANCHOR)},
        "rho": {name: _rho(LoraFactors(folder / name), anchor) for name in names},
    }
    return _store(Recipe(folder, sculpt))


def choose(recipe: Recipe, k_image: float, k_text: float, curve: list[dict[str, Any]]) -> Recipe:
    """Note the chosen strengths and the curve they were chosen from."""
    chosen = {"k_image": as_json(k_image), "k_text": as_json(k_text), "curve": curve}
    return _store(Recipe(recipe.folder, {**recipe.sculpt, **chosen}))


def as_json(k: float) -> float | str:
    """JSON has no infinity."""
    return "inf" if math.isinf(k) else k


def _store(recipe: Recipe) -> Recipe:
    text = json.dumps(recipe.sculpt, indent=2, sort_keys=True, allow_nan=False)
    (recipe.folder / _FILE).write_text(text + "\n")
    return recipe


def _rho(forget: LoraFactors, anchor: LoraFactors) -> dict[str, float]:
    return {n: product_norm(*forget[n]) / (product_norm(*anchor[n]) + EPS) for n in anchor.names}


def _digest(adapter: Path) -> str:
    return hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()
