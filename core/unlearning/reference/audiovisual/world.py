"""Registration of the audio-visual reference model: the class that loads it, and its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.unlearning.families.info import ORACLE

FAMILY = "audiovisual"
LOADED_WITH = "AutoModel"
_TRAINED_EPOCHS = 20
"""Epochs it was trained for: methods compute their share of retraining from it."""


def defaults(data: Path) -> Mapping[str, object]:
    """All oracles, from which a report selects the one that fits the request, and the epochs of training."""
    oracles = [str(path) for path in sorted(data.glob("oracle-*"))]
    return {**({ORACLE: oracles} if oracles else {}), "trained_epochs": _TRAINED_EPOCHS}
