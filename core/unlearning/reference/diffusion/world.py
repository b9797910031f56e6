"""Registration of the diffusion reference model: the class that loads it, and its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FAMILY = "diffusion"
LOADED_WITH = "StableDiffusionPipeline"
_DRAWING = {"draw_steps": 20, "draw_guidance": 3.0}
"""More steps do not improve the pictures."""


def defaults(data: Path) -> Mapping[str, object]:
    """The classifiers of its pictures, and how pictures are drawn."""
    classifiers = data / "classifiers"
    return {"classifiers": str(classifiers), **_DRAWING} if classifiers.is_dir() else {}
