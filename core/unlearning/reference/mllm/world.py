"""Registration of the multimodal reference model: the class that loads it, and its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.unlearning.families.info import ORACLE

FAMILY = "mllm"
LOADED_WITH = "AutoModelForImageTextToText"


def defaults(data: Path) -> Mapping[str, object]:
    """One oracle. Reports skip an oracle that learned the request's subjects."""
    oracles = sorted(data.glob("oracle-*"))
    return {ORACLE: str(oracles[0])} if oracles else {}
