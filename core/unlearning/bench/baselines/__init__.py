"""Baselines: methods to compare with, which no request can name. Each folder is laid out like a method's."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from core.unlearning.methods.base import Method, MethodInfo
from core.unlearning.methods.registry import catalogue, implementation

_PACKAGES = ("concept_ablation", "esd_x")


@cache
def compared() -> dict[str, MethodInfo]:
    """Every registered method and every baseline, by its public name."""
    infos = (import_module(f"{__name__}.{package}.config").INFO for package in _PACKAGES)
    return {**catalogue(), **{info.name: info for info in infos}}


def load_compared(name: str) -> Method:
    """The implementation of a registered method or a baseline. Raises `KeyError` for an unknown name."""
    return implementation(compared()[name])
