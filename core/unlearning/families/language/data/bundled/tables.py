"""The files of `data/`, read."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """A file's sections."""
    return tomllib.loads((files(__package__) / "data" / name).read_text(encoding="utf-8"))
