"""Readers of published benchmarks' data, one module for each file layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from core.unlearning.bench.memory.layouts import clear, fiubench, mllmu, smllmun
from core.unlearning.bench.memory.world import World
from core.unlearning.errors import InvalidInputError

LAYOUTS: Mapping[str, Callable[[Path], World]] = {
    "s-mllmun": smllmun.read,
    "mllmu": mllmu.read,
    "clear": clear.read,
    "fiubench": fiubench.read,
}
"""By the name that `--layout` takes."""


def read(folder: Path, layout: str) -> World:
    """The people of a folder in one of the `LAYOUTS`. Raises `InvalidInputError`, which names files and lines only."""
    if layout not in LAYOUTS:
        raise InvalidInputError(f"there is no layout {layout!r}; there is: {', '.join(LAYOUTS)}", code="unknown_layout")
    if not folder.is_dir():
        raise InvalidInputError("the data's folder does not exist", code="missing_data")
    return LAYOUTS[layout](folder)
