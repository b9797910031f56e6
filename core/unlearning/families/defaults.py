"""What can be registered with a model beside the options of methods. Free of torch: `api` checks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.unlearning.hardware.requirements import MEMORY_GB, is_size

ORACLE = "oracle"
"""A checkpoint that never learned the subjects, to compare with; of classifiers, one or several."""


def _is_path(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _are_paths(value: object) -> bool:
    return _is_path(value) or (isinstance(value, list) and bool(value) and all(map(_is_path, value)))


def _is_count(value: object) -> bool:
    return is_size(value) and float(value).is_integer()  # type: ignore[arg-type]


_EVERY: Mapping[str, Callable[[object], bool]] = {MEMORY_GB: is_size, ORACLE: _is_path}
_OF_FAMILY: Mapping[str, Mapping[str, Callable[[object], bool]]] = {
    "diffusion": {"draw_steps": _is_count, "draw_guidance": is_size, "classifiers": _is_path, "clip": _is_path},
    "audiovisual": {ORACLE: _are_paths},
}


def known(family: str) -> Mapping[str, Callable[[object], bool]]:
    """By name, whether a value will do."""
    return {**_EVERY, **_OF_FAMILY.get(family, {})}
