"""Whether an adapter's tensors are what its config says, read from a stream and without torch."""

from __future__ import annotations

import math
import re
import sys
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from core.unlearning.patches import canonical
from core.unlearning.patches.archive import CHUNK, Member
from core.unlearning.patches.tensor_file import TensorEntry, TensorFileError, read_header

_NAME = re.compile(r"base_model\.model\.(?P<module>[\w.]+?)\.(?P<part>(?:supertuning_|lora_).+)")
_LORA = {"lora_A.weight": "F32", "lora_B.weight": "F32"}
_SUPERTUNING = {
    "supertuning_indices": "I32",
    "supertuning_values": "F32",
    "supertuning_lora_A.weight": "F32",
    "supertuning_lora_B.weight": "F32",
}
_PARTS = {"SUPERTUNING": _SUPERTUNING, "LORA": _LORA}
_MAX_PATTERN = 4096


class AdapterError(ValueError):
    """The adapter is not sound. The message is one line for a person."""


@dataclass(frozen=True)
class Adapter:
    """What was found. `effective`: some module's delta is not zero by construction."""

    peft_type: str
    modules: int
    effective: bool


@dataclass
class _Module:
    """The tensors of one module, and which of them hold anything but zeros."""

    parts: dict[str, TensorEntry] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)

    def shape(self, prefix: str) -> tuple[int, int]:
        """`(out, in)` of the weight."""
        return self.parts[f"{prefix}lora_B.weight"].shape[0], self.parts[f"{prefix}lora_A.weight"].shape[1]


def check(config_json: bytes, weights: Member) -> Adapter:
    """Raise `AdapterError` unless the adapter is a plain SUPERTUNING or LORA one that PEFT would load completely.

    Checked: the kind; that every tensor belongs to a target module and every module is complete; dtypes; ranks and
    shapes; the length PEFT expects of each sparse support; that positions lie within the weight; that values are
    finite.
    """
    config = _config(config_json)
    peft_type = config["peft_type"]
    prefix = "supertuning_" if peft_type == "SUPERTUNING" else ""
    try:
        entries = read_header(cast(BinaryIO, weights), weights.size)
    except TensorFileError as error:
        raise AdapterError(f"The adapter's weights are not a safetensors file: {error}.") from error
    modules = _group(entries, _PARTS[peft_type])
    matches = _target_matcher(config["target_modules"])
    for name, module in modules.items():
        if not matches(name):
            raise AdapterError(f"The adapter holds weights of {name}, which is not among its target modules.")
        _check_shapes(name, module, config, prefix)
    _scan(weights, entries, modules, prefix)
    effective = any(_effective(module, prefix) for module in modules.values())
    return Adapter(peft_type, len(modules), effective)


def _config(data: bytes) -> dict[str, Any]:
    try:
        config = canonical.loads(data)
    except ValueError as error:
        raise AdapterError("The adapter's config is not JSON.") from error
    if not isinstance(config, dict) or config.get("peft_type") not in _PARTS:
        raise AdapterError("The adapter is of a kind that this version does not know.")
    rank, alpha, sparsity = config.get("r"), config.get("lora_alpha"), config.get("sparsity", 0.0)
    if type(rank) is not int or rank < 1 or not isinstance(alpha, int | float) or not alpha:
        raise AdapterError("The adapter's rank or alpha makes no sense.")
    if config["peft_type"] == "SUPERTUNING" and not (isinstance(sparsity, int | float) and 0 <= sparsity < 1):
        raise AdapterError("The adapter's sparsity makes no sense.")
    return cast(dict[str, Any], config) | {"target_modules": config.get("target_modules")}


def _target_matcher(target: object) -> Callable[[str], bool]:
    """PEFT's own rule: a string is a regex for the whole path, a list holds whole paths or their endings."""
    if isinstance(target, str) and len(target) <= _MAX_PATTERN:
        try:
            pattern = re.compile(target)
        except re.error as error:
            raise AdapterError("The adapter's target modules are not a valid pattern.") from error
        return lambda name: pattern.fullmatch(name) is not None
    if isinstance(target, list) and all(isinstance(item, str) for item in target):
        exact, endings = frozenset(target), tuple(f".{item}" for item in target)
        return lambda name: name in exact or name.endswith(endings)
    raise AdapterError("The adapter does not say which modules it is for.")


def _group(entries: list[TensorEntry], expected: Mapping[str, str]) -> dict[str, _Module]:
    modules: dict[str, _Module] = {}
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match is None or expected.get(match["part"]) != entry.dtype:
            raise AdapterError(f"The adapter holds a tensor that has no place in it: {entry.name[:200]}.")
        modules.setdefault(match["module"], _Module()).parts[match["part"]] = entry
    for name, module in modules.items():
        if module.parts.keys() != expected.keys():
            raise AdapterError(f"The adapter lacks a tensor of {name}.")
    if not modules:
        raise AdapterError("The adapter is empty.")
    return modules


def _check_shapes(name: str, module: _Module, config: Mapping[str, Any], prefix: str) -> None:
    a, b = module.parts[f"{prefix}lora_A.weight"].shape, module.parts[f"{prefix}lora_B.weight"].shape
    # Of a convolution the first factor has its kernel, and the second a kernel of one.
    of_kind = (len(a), len(b)) == (2, 2) or (not prefix and (len(a), b[2:]) == (4, (1, 1)))
    if not of_kind or (a[0], b[1]) != (config["r"], config["r"]):
        raise AdapterError(f"The factors of {name} do not have the adapter's rank.")
    if prefix:
        support = int(math.prod(module.shape(prefix)) * (1 - config["sparsity"]))
        if any(module.parts[part].shape != (support,) for part in ("supertuning_indices", "supertuning_values")):
            raise AdapterError(f"The sparse part of {name} does not have the length its sparsity asks for.")


def _scan(weights: Member, entries: list[TensorEntry], modules: Mapping[str, _Module], prefix: str) -> None:
    """Read the data once, in the order of the file."""
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        assert match is not None  # noqa: S101 - _group has matched every name
        module, part = modules[match["module"]], match["part"]
        remaining = entry.nbytes
        while remaining:
            chunk = weights.read(min(CHUNK, remaining))
            if not chunk:
                raise AdapterError("The adapter's weights are cut short.")
            remaining -= len(chunk)
            if entry.dtype == "I32":
                _check_positions(chunk, math.prod(module.shape(prefix)), match["module"])
            elif _check_values(chunk, match["module"]):
                module.filled.add(part)


def _numbers(code: str, chunk: bytes) -> array[Any]:
    numbers = array(code, chunk)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _check_positions(chunk: bytes, numel: int, module: str) -> None:
    positions = _numbers("i", chunk)
    if min(positions) < 0 or max(positions) >= numel:
        raise AdapterError(f"The sparse part of {module} points outside the weight.")


def _check_values(chunk: bytes, module: str) -> bool:
    """Whether any value differs from zero. An infinity or NaN anywhere survives the sum (in doubles, of floats)."""
    if not chunk.strip(b"\0"):
        return False
    if not math.isfinite(sum(_numbers("f", chunk))):
        raise AdapterError(f"The adapter holds values of {module} that are not finite.")
    return any(_numbers("f", chunk))


def _effective(module: _Module, prefix: str) -> bool:
    low_rank = {f"{prefix}lora_A.weight", f"{prefix}lora_B.weight"}
    return low_rank <= module.filled or "supertuning_values" in module.filled
