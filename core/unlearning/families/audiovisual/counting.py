"""How many registered rows there are, and how many a request names, from the list alone. Free of torch: plans are made
with it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.info import RetainCount, RetainedRows
from core.unlearning.types import EntityKind, Level, Part, Split

LIST = "examples.jsonl"
_LARGEST = 200 * 2**20
"""Bytes of a list that is still counted while a client waits."""

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
MEASURED: dict[Level, int] = {"quick": 200, "standard": 600, "thorough": 2000}
"""Examples of each split that is kept, at most, in a report."""


def count_rows(folder: Path | None, names: Collection[str], kind: EntityKind) -> int | None:
    """Training rows with one of these subjects, or labels of a class; None where the list cannot be read here."""
    if folder is None:
        return None
    wanted = {name.casefold() for name in names}
    field = "label" if kind == "class" else "subject"
    try:
        return len(
            [row for row in _rows(folder) if row["part"] == "train" and str(row.get(field)).casefold() in wanted]
        )
    except _UNREADABLE:
        return None


def count(folder: Path) -> RetainCount:
    """How many examples there are. Raises `ModelLoadError` for a list that cannot be read here."""
    try:
        rows = _rows(folder)
        parts = Counter(row["part"] for row in rows)
        pictures = len([row for row in rows if row.get("image")])
    except _UNREADABLE:
        detail = f"the model's retain set cannot be used: {LIST} cannot be read"
        raise ModelLoadError(detail, code="invalid_retain_set") from None
    kinds: tuple[tuple[Split, Part], ...] = (
        ("retain_examples", "train"),
        ("held_out", "validation"),
        ("held_out", "test"),
    )
    kept = tuple(RetainedRows(split, part, parts[part], parts[part]) for split, part in kinds)
    return RetainCount(kept, len({row.get("subject") for row in rows} - {None}), pictures)


def _rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / LIST
    if path.stat().st_size > _LARGEST:
        raise ValueError("too large to be read while a client waits")
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]
