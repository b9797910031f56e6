"""Which method a request gets, and why."""

from __future__ import annotations

from core.unlearning.families.registry import families
from core.unlearning.methods.base import MethodInfo
from core.unlearning.methods.registry import catalogue
from core.unlearning.planning.faults import Fault, PlanError
from core.unlearning.planning.request import AUTO
from core.unlearning.types import RequestSummary


def choose_method(family: str, method: str, summary: RequestSummary) -> tuple[MethodInfo, str]:
    """The method that the request names, or for `auto` the first of the family that fits; and the reason, in words.

    Raises `PlanError`.
    """
    of_family = [info for info in catalogue().values() if family in info.families]
    if method != AUTO:
        return _named_method(method, of_family, family, summary), "The request names this method."
    in_words = bool(summary.n_names or summary.n_prompts)
    fitting = [i for i in of_family if _missing(i, family, summary) is None and (in_words or not i.needs_words)]
    if not fitting:
        raise no_method_fits(family)
    return fitting[0], f"First choice for family {family} when a request brings {_contents(summary)}."


def no_method_fits(family: str) -> PlanError:
    """The error for a request that no method of a family can serve."""
    return PlanError(Fault("/method", "no_method_fits", f"No method for family {family} fits this request."))


def _named_method(method: str, of_family: list[MethodInfo], family: str, summary: RequestSummary) -> MethodInfo:
    if method not in catalogue():
        raise PlanError(Fault("/method", "unknown_method", "There is no method of this name; see GET /v1/methods."))
    info = catalogue()[method]
    if info not in of_family:
        detail = f"{method} does not work on models of family {family}."
        raise PlanError(Fault("/method", "method_does_not_fit_model", detail))
    if fault := _missing(info, family, summary):
        raise PlanError(fault)
    return info


def _missing(info: MethodInfo, family: str, summary: RequestSummary) -> Fault | None:
    """Why a method cannot serve the request; None if it can."""
    if info.needs_images and families()[family].uses_pictures and not summary.n_images:
        return Fault("/images", "images_required", f"{info.name} needs images of the entity.")
    if info.needs_names and not summary.n_names:
        return Fault("/entity/name", "name_required", f"{info.name} needs the entity's name.")
    if summary.n_retain_images and not info.keeps_images:
        return Fault("/retain/images", "images_not_used", f"{info.name} cannot keep pictures; keep prompts or names.")
    return None


def _contents(summary: RequestSummary) -> str:
    words = [word for word, count in (("images", summary.n_images), ("a name", summary.n_names)) if count]
    return " and ".join(words) or "prompts only"
