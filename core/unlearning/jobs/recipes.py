"""The recipes in patches that earlier jobs left: opened only where the patch is genuine and fits the base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.registry import load_family
from core.unlearning.types import Example, Level, ModelSpec, Part


def open_recipe(patch: Path, base_digest: str, out: Path) -> Path:
    """The recipe's folder, unpacked into `out`. Raises `InvalidInputError` and `BaseMismatchError`."""
    from core.unlearning.patches import bundle
    from core.unlearning.patches.digest import BaseMismatchError
    from core.unlearning.patches.verify import verify

    checked = verify(patch)
    if not checked.ok or checked.manifest is None:
        raise InvalidInputError("an earlier job's patch is not as it was written", code="invalid_recipe")
    if checked.manifest.base.digest != base_digest:
        raise BaseMismatchError("An earlier job's patch was made for other weights than the model has now.")
    bundle.extract(patch, out, folder=bundle.RECIPE)
    return out / bundle.RECIPE


def kept_questions(
    model: Any, spec: ModelSpec, level: Level, seed: int, names: Iterable[str] = ()
) -> Mapping[Part, Sequence[Example]]:
    """The model's registered retain set by part, but for what is about these names.

    Raises `InvalidInputError` (`no_retain_set`) where there is nothing to measure with.
    """
    rows = load_family(spec.family).keep_examples(model, spec.retain_set, names, level, seed)
    if not rows.get("test"):
        raise InvalidInputError("the model has no retain set to measure a new sculpting on", code="no_retain_set")
    return rows
