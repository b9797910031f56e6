"""Who looks at the pictures of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.unlearning.families.diffusion.classify import Classifier, load_clip, load_trained
from core.unlearning.families.diffusion.eyes import Eyes


def open_eyes(classifiers: Path | None, clip: str | None, device: str) -> Eyes:
    """Classifiers where there are some. CLIP looks where there are none, and says how pictures fit their prompts.

    Raises `ModelLoadError`.
    """
    trained: Mapping[str, Classifier] = load_trained(classifiers, device) if classifiers else {}
    return Eyes(trained, load_clip(clip, device) if clip else None)
