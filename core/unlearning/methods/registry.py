"""Name to method. Importing this loads no torch; `load_method` does."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from core.unlearning.errors import InvalidInputError
from core.unlearning.methods.base import Method, MethodInfo, Sculpting
from core.unlearning.options import ConsolidationOptions

_PACKAGES = (
    "smfa",
    "gradient_ascent",
    "gradient_difference",
    "kl_minimisation",
    "npo",
    "simnpo",
    "dpo",
    "idk",
    "undial",
    "rmu",
    "task_arithmetic",
    "mmunlearner",
    "manu",
    "retain_only",
    "closed_form",
    "forget_me_not",
    "ccu",
)


@cache
def catalogue() -> dict[str, MethodInfo]:
    """Every registered method by its public name."""
    infos = (import_module(f"{__package__}.{package}.config").INFO for package in _PACKAGES)
    return {info.name: info for info in infos}


def leaving_recipes() -> frozenset[str]:
    """Names of the methods whose patches bring a recipe."""
    return frozenset(info.name for info in catalogue().values() if info.leaves_recipe)


def consolidating(family: str) -> tuple[str, type[ConsolidationOptions]]:
    """The method whose recipes are consolidated for models of a family, and the options of it.

    For a family that has none it is another's: there are no jobs that its plan could be carried out with.
    """
    able = [(info, info.consolidation) for info in catalogue().values() if info.consolidation is not None]
    info, options = next((one for one in able if family in one[0].families), able[0])
    return info.name, options


def load_method(name: str) -> Method:
    """The implementation of a registered method. Imports torch; raises `KeyError` for an unknown name."""
    return implementation(catalogue()[name])


def load_sculpting(name: str) -> Sculpting:
    """The same of a method whose patches bring a recipe. Raises `InvalidInputError` for any other."""
    method = load_method(name)
    if not isinstance(method, Sculpting):
        raise InvalidInputError(f"method {name} leaves no recipe", code="invalid_recipe")
    return method


def implementation(info: MethodInfo) -> Method:
    """`METHOD` of the package in which a catalogue entry's options are defined. Imports torch."""
    package = info.options.__module__.rsplit(".", 1)[0]
    method: Method = import_module(f"{package}.method").METHOD
    return method
