"""Read which concepts a registered model knows (`concepts.jsonl`, see docs/how-to/register_model.md)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.info import RetainCount, RetainedRows
from core.unlearning.types import EntityKind, Part, Split

NAME = "concepts.jsonl"


class Concept(BaseModel):
    """Something the model can draw, and the prompts that draw it, by part."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(min_length=1)
    kind: EntityKind
    prompts: dict[Part, list[str]]

    def is_called(self, *names: str) -> bool:
        """Whether one of these is its name."""
        return self.name.casefold() in {name.casefold() for name in names}


def read(folder: Path | None) -> list[Concept]:
    """Every concept; none without a folder. Raises `ModelLoadError` (`invalid_retain_set`) with the line."""
    if folder is None:
        return []
    path = folder / NAME
    if not path.is_file():
        raise _invalid(f"it has no {NAME}")
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return [_parse(text, number) for number, text in lines if text.strip()]


def count(folder: Path) -> RetainCount:
    """How many prompts there are, as a request about a concept of the commonest kind meets them. Raises as `read`."""
    known = read(folder)
    commonest = Counter(concept.kind for concept in known).most_common(1)
    rows = Counter[tuple[Split, Part]]()
    for concept in known:
        split: Split = "retain_same" if concept.kind == commonest[0][0] else "retain_cross"
        for part, prompts in concept.prompts.items():
            rows[split, part] += len(prompts)
    return RetainCount(tuple(RetainedRows(split, part, n, n) for (split, part), n in rows.items()), subjects=len(known))


def _parse(text: str, number: int) -> Concept:
    try:
        return Concept.model_validate(json.loads(text))
    except (ValueError, ValidationError):
        raise _invalid(f"line {number} of {NAME} is not a valid concept") from None


def _invalid(what: str) -> ModelLoadError:
    return ModelLoadError(f"the model's retain set cannot be used: {what}", code="invalid_retain_set")
