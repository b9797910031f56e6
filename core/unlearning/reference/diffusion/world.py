"""The pipeline of the drawn world: what loads it, and what is registered with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

LOADED_WITH = "StableDiffusionPipeline"
_DRAWING = {"draw_steps": 20, "draw_guidance": 3.0}
"""How pictures are drawn; more steps show nothing more."""


def defaults(data: Path) -> Mapping[str, object]:
    """What looks at the pictures, and how they are drawn."""
    classifiers = data / "classifiers"
    return {"classifiers": str(classifiers), **_DRAWING} if classifiers.is_dir() else {}
