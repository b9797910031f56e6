"""Whether a model can be registered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.json_pointer import json_pointer
from core.unlearning.errors import ModelLoadError
from core.unlearning.families.registry import families
from core.unlearning.families.shared.safe_folder import require_safe
from core.unlearning.hardware.requirements import MEMORY_GB
from core.unlearning.methods.registry import catalogue
from core.unlearning.planning.faults import Fault, PlanError


def check_model(family: str, defaults: Mapping[str, Any]) -> None:
    """Raises `PlanError` for a family that no method serves, and for defaults that mean nothing to it."""
    methods = [info for info in catalogue().values() if family in info.families]
    if not methods:
        raise PlanError(Fault("/family", "unknown_family", "No method works on models of this family."))
    known = families()[family].defaults
    for name, value in defaults.items():
        if name not in known and not any(name in info.options.model_fields for info in methods):
            raise PlanError(Fault(json_pointer("defaults", name), "unknown_option", "No method has this option."))
        if name in known and not known[name](value):
            raise PlanError(_invalid_default(name))


def check_source(source: str) -> None:
    """Raises `PlanError` for a folder that holds more than loading a model may touch; a hub id is not looked at."""
    if not Path(source).is_dir():
        return
    try:
        require_safe(Path(source))
    except ModelLoadError as error:
        raise PlanError.one(Fault("/source", error.code, error.detail)) from None


def _invalid_default(name: str) -> Fault:
    if name == MEMORY_GB:
        return Fault(json_pointer("defaults", name), "invalid_memory", "A number of gigabytes above 0.")
    return Fault(json_pointer("defaults", name), "invalid_default", "Not a value that this can have.")
