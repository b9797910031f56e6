"""The model of the world of people who are asked about: what loads it, and what is registered with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.unlearning.families.info import ORACLE

LOADED_WITH = "AutoModelForImageTextToText"


def defaults(data: Path) -> Mapping[str, object]:
    """One oracle: reports leave out what knows whom they are about."""
    oracles = sorted(data.glob("oracle-*"))
    return {ORACLE: str(oracles[0])} if oracles else {}
