"""The plan of a forget job: its method, its options in full, how much work it is and how much memory it needs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.unlearning.families.registry import families
from core.unlearning.hardware import requirements
from core.unlearning.methods.base import MethodInfo
from core.unlearning.options import MethodOptions
from core.unlearning.planning.faults import invalid_options
from core.unlearning.planning.method_choice import choose_method, no_method_fits
from core.unlearning.planning.request import PlanRequest, check_request, summarise
from core.unlearning.types import ModelSpec


def plan(model: ModelSpec, request: PlanRequest) -> dict[str, Any]:
    """The plan of a request as JSON values. Raises `PlanError` with pointers into the request.

    The request's options go before those that are registered with the model, these before what the level of evaluation
    brings, and the method's own defaults fill the rest.
    """
    family = families().get(model.family)
    if family is None:
        raise no_method_fits(model.family)
    check_request(request, family)
    summary = summarise(request, family, model.retain_set)
    method, reason = choose_method(family.name, request.method, summary)
    registered = {name: value for name, value in model.defaults.items() if name in method.options.model_fields}
    checked = _checked(method, {**method.by_level.get(request.level, {}), **registered, **request.options})
    options, examples = _json_values(checked.model_dump()), family.count_examples(summary)
    return {
        "method": method.name,
        "reason": reason,
        "options": options,
        "views": [view for view, count in (("image", summary.n_images), ("text", summary.n_names)) if count],
        "training_examples": examples,
        "steps": _steps(checked, examples),
        "memory": memory(model, options),
        "level": request.level,
        "thresholds": dict(request.thresholds),
    }


def memory(model: ModelSpec, options: Mapping[str, Any]) -> dict[str, int] | None:
    """The bytes that a job with these options needs; None where nothing is known of the model."""
    need = requirements.estimate(model.source, options, model.defaults, families()[model.family].activations)
    return None if need is None else need.to_plan()


def _checked(method: MethodInfo, options: Mapping[str, Any]) -> MethodOptions:
    try:
        return method.options.model_validate(dict(options))
    except ValidationError as error:
        raise invalid_options(error, "method_options") from None


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
