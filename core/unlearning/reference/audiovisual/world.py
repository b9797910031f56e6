"""The classifier of the world that is seen and heard: what loads it, and what is registered with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.unlearning.families.info import ORACLE

LOADED_WITH = "AutoModel"
_TRAINED_EPOCHS = 20
"""Passes over its data that it was trained with: methods tell their share of retraining by it."""


def defaults(data: Path) -> Mapping[str, object]:
    """All oracles, of which a report chooses the one that fits the request, and how long the model was trained."""
    oracles = [str(path) for path in sorted(data.glob("oracle-*"))]
    return {**({ORACLE: oracles} if oracles else {}), "trained_epochs": _TRAINED_EPOCHS}
