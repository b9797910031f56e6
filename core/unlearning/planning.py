"""What a request will become, before anything is loaded: the method and why, its options in full, how much work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from core.unlearning.families.info import FamilyInfo
from core.unlearning.families.registry import families
from core.unlearning.hardware.requirements import MEMORY_GB
from core.unlearning.methods.base import MethodInfo
from core.unlearning.methods.registry import catalogue
from core.unlearning.options import MethodOptions
from core.unlearning.types import Brought

AUTO = "auto"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request. `pointer` is a JSON pointer into it."""

    pointer: str
    code: str
    detail: str


class PlanError(ValueError):
    """The request cannot be planned."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.detail for fault in faults))
        self.faults = faults


def plan(
    family: str,
    method: str,
    options: Mapping[str, Any],
    brought: Brought,
    defaults: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The plan of a request for a model of `family`, as JSON values.

    `defaults` are the model's registered options; the request's `options` go before them, and the method's own defaults
    fill the rest. Raises `PlanError` with pointers into the request.
    """
    of_family = families().get(family)
    if of_family is None:
        raise PlanError(_nothing_fits(family))
    if faults := _unsuited(of_family, brought):
        raise PlanError(*faults)
    info, reason = _choose(family, method, brought)
    known = {name: value for name, value in (defaults or {}).items() if name in info.options.model_fields}
    checked = _options(info, {**info.by_level.get(brought.level, {}), **known, **options})
    examples = of_family.count_examples(brought)
    return {
        "method": info.name,
        "reason": reason,
        "options": _json_values(checked.model_dump()),
        "views": [view for view, there in (("image", brought.n_images), ("text", brought.names)) if there],
        "training_examples": examples,
        "steps": _steps(checked, examples),
    }


def _unsuited(family: FamilyInfo, brought: Brought) -> list[Fault]:
    """What no method could do with the request on models of this family."""
    of_family = f"Models of family {family.name}"
    faults = [
        Fault(f"/modalities/{n}", "modality_not_supported", f"{of_family} have no {modality} to forget.")
        for n, modality in enumerate(brought.modalities)
        if modality not in family.forgets
    ]
    if brought.n_audio and not family.uses_sounds:
        faults.append(Fault("/audio", "audio_not_supported", f"{of_family} hear nothing."))
    return faults


def check_model(family: str, defaults: Mapping[str, Any]) -> None:
    """Whether a model can be registered so. Raises `PlanError` with pointers into the registration."""
    able = [info for info in catalogue().values() if family in info.families]
    if not able:
        raise PlanError(Fault("/family", "unknown_family", "No method works on models of this family."))
    known = families()[family].defaults
    for name, value in defaults.items():
        if name not in known and not any(name in info.options.model_fields for info in able):
            raise PlanError(Fault(_pointer("/defaults", name), "unknown_option", "No method has this option."))
        if name in known and not known[name](value):
            raise PlanError(_unfit(name))


def _unfit(name: str) -> Fault:
    if name == MEMORY_GB:
        return Fault(_pointer("/defaults", name), "invalid_memory", "A number of gigabytes above 0.")
    return Fault(_pointer("/defaults", name), "invalid_default", "Not a value that this can have.")


def _choose(family: str, method: str, brought: Brought) -> tuple[MethodInfo, str]:
    able = [info for info in catalogue().values() if family in info.families]
    if method != AUTO:
        return _named(method, able, family, brought), "The request names this method."
    in_words = bool(brought.names or brought.n_prompts)
    fitting = [info for info in able if _lacking(info, brought) is None and (in_words or not info.needs_words)]
    if not fitting:
        raise PlanError(_nothing_fits(family))
    return fitting[0], f"First choice for family {family} when a request brings {_in_words(brought)}."


def _nothing_fits(family: str) -> Fault:
    return Fault("/method", "no_method_fits", f"No method for family {family} fits this request.")


def _named(method: str, able: list[MethodInfo], family: str, brought: Brought) -> MethodInfo:
    if method not in catalogue():
        raise PlanError(Fault("/method", "unknown_method", "There is no method of this name; see GET /v1/methods."))
    info = catalogue()[method]
    if info not in able:
        detail = f"{method} does not work on models of family {family}."
        raise PlanError(Fault("/method", "method_does_not_fit_model", detail))
    if fault := _lacking(info, brought):
        raise PlanError(fault)
    return info


def _lacking(info: MethodInfo, brought: Brought) -> Fault | None:
    if info.needs_images and not brought.n_images:
        return Fault("/images", "images_required", f"{info.name} needs images of the entity.")
    if info.needs_names and not brought.names:
        return Fault("/entity/name", "name_required", f"{info.name} needs the entity's name.")
    if brought.n_kept_images and not info.keeps_images:
        return Fault("/retain/images", "images_not_used", f"{info.name} cannot keep pictures; keep prompts or names.")
    return None


def _in_words(brought: Brought) -> str:
    words = [word for word, there in (("images", brought.n_images), ("a name", brought.names)) if there]
    return " and ".join(words) or "prompts only"


def _options(info: MethodInfo, options: Mapping[str, Any]) -> MethodOptions:
    try:
        return info.options.model_validate(dict(options))
    except ValidationError as error:
        raise PlanError(*(_fault(e["loc"], e["type"], e["msg"]) for e in error.errors(include_input=False))) from None


def _fault(loc: tuple[int | str, ...], code: str, detail: str) -> Fault:
    # A union's members appear in the location ("float", "literal[...]"); a pointer holds only what the client wrote.
    where = _pointer("/method_options", loc[0]) if loc else "/method_options"
    return Fault(where, code, detail.removeprefix("Value error, "))


def _pointer(base: str, name: int | str) -> str:
    return f"{base}/{str(name).replace('~', '~0').replace('/', '~1')[:80]}"


def _json_values(value: Any) -> Any:
    """JSON has no infinity; pydantic reads the string back."""
    if isinstance(value, dict):
        return {key: _json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_values(item) for item in value]
    return "inf" if isinstance(value, float) and math.isinf(value) else value


def _steps(options: MethodOptions, examples: int) -> int | None:
    """Optimiser steps, for methods whose options say how many, or how many passes in which batches."""
    fields = options.model_dump()
    if fields.get("steps"):
        return int(fields["steps"])
    if fields.get("epochs") and fields.get("batch"):
        return math.ceil(examples / int(fields["batch"])) * int(fields["epochs"])
    return None
