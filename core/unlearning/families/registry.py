"""Name to family. Importing this loads no torch; `load_family` does."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.unlearning.families.info import FamilyInfo

if TYPE_CHECKING:
    from core.unlearning.evaluation.results import Evaluated
    from core.unlearning.families.base import BaseFamily

_PACKAGES = ("mllm", "llm", "diffusion", "audiovisual")


@cache
def families() -> dict[str, FamilyInfo]:
    """Every registered family by its name."""
    infos = (import_module(f"{__package__}.{package}.config").INFO for package in _PACKAGES)
    return {info.name: info for info in infos}


def load_family(name: str) -> BaseFamily[Any, Evaluated]:
    """The implementation of a registered family. Imports torch; raises `KeyError` for an unknown name."""
    family: BaseFamily[Any, Evaluated] = import_module(f"{__package__}.{families()[name].name}.family").FAMILY
    return family
