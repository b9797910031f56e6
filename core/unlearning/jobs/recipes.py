"""The recipes in patches that earlier jobs left: opened only where the patch is genuine and fits the base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.unlearning.errors import InvalidInputError
from core.unlearning.families.registry import load_family
from core.unlearning.jobs.work import Work
from core.unlearning.types import Example, ModelSpec, Part


def unpack_recipe(patch: Path, spec: ModelSpec, out: Path) -> Path:
    """The recipe's folder, unpacked into `out`. Raises `InvalidInputError` and `BaseMismatchError`."""
    from core.unlearning.patches import bundle
    from core.unlearning.patches.digest import BaseMismatchError, base_digest
    from core.unlearning.patches.verify import verify

    checked = verify(patch)
    if not checked.ok or checked.manifest is None:
        raise InvalidInputError("an earlier job's patch is not as it was written", code="invalid_recipe")
    if checked.manifest.base.digest != base_digest(spec.source, revision=spec.revision):
        raise BaseMismatchError("An earlier job's patch was made for other weights than the model has now.")
    bundle.extract(patch, out, folder=bundle.RECIPE)
    return out / bundle.RECIPE


def keep_examples(model: Any, work: Work, names: Iterable[str] = ()) -> Mapping[Part, Sequence[Example]]:
    """The model's registered retain set by part, but for what is about these names.

    Raises `InvalidInputError` (`no_retain_set`) where there is nothing to measure with.
    """
    rows = load_family(work.spec.family).keep_examples(model, work.spec.retain_set, names, work.level, work.seed)
    if not rows.get("test"):
        raise InvalidInputError("the model has no retain set to measure a new sculpting on", code="no_retain_set")
    return rows
