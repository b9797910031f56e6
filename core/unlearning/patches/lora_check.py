"""Whether a file of LoRA weights is one that a diffusers pipeline loads whole. Read from a stream, without torch."""

from __future__ import annotations

import re
import sys
from array import array
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from core.unlearning.patches.adapter_check import AdapterError
from core.unlearning.patches.archive import CHUNK, Member
from core.unlearning.patches.tensor_file import TensorEntry, TensorFileError, read_header

WEIGHTS, KOHYA = "pytorch_lora_weights.safetensors", "kohya_lora.safetensors"
_NAME = re.compile(r"unet\.(?P<module>[\w.]+)\.(?P<part>lora_A|lora_B)\.weight")
_KOHYA_NAME = re.compile(r"lora_unet_(?P<module>\w+)\.(?P<part>lora_down\.weight|lora_up\.weight|alpha)")
_EXPONENTS = {"F16": ("H", 0x7C00), "BF16": ("H", 0x7F80), "F32": ("I", 0x7F800000)}
"""How a dtype's numbers are read, and the bits that are all set in an infinity or NaN."""


@dataclass(frozen=True)
class Lora:
    """What was found. `effective`: some module's change is not zero by construction."""

    modules: frozenset[str]
    effective: bool


@dataclass
class _Module:
    parts: dict[str, TensorEntry] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)


def check(weights: Member) -> Lora:
    """Raise `AdapterError` unless every tensor is one of the denoiser's, complete, of fitting ranks, and finite.

    diffusers loads a file whose names begin otherwise as nothing, and only warns.
    """
    entries = _entries(weights)
    modules: dict[str, _Module] = {}
    for entry in entries:
        match = _NAME.fullmatch(entry.name)
        if match is None or entry.dtype not in _EXPONENTS:
            raise AdapterError(f"diffusers would not load {entry.name[:200]}: it is no LoRA tensor of the unet.")
        modules.setdefault(match["module"], _Module()).parts[match["part"]] = entry
    if not modules:
        raise AdapterError("The adapter is empty.")
    for name, module in modules.items():
        _check_shapes(name, module)
    for entry in entries:
        match = cast("re.Match[str]", _NAME.fullmatch(entry.name))
        if _is_filled(weights, entry):
            modules[match["module"]].filled.add(match["part"])
    effective = any(module.filled == {"lora_A", "lora_B"} for module in modules.values())
    return Lora(frozenset(modules), effective)


def check_twin(weights: Member, lora: Lora) -> int:
    """How many modules the kohya file has. Raises `AdapterError` unless they are those of `lora`."""
    found: dict[str, set[str]] = {}
    for entry in _entries(weights):
        match = _KOHYA_NAME.fullmatch(entry.name)
        if match is None:
            raise AdapterError(f"The kohya file holds a tensor that has no place in it: {entry.name[:200]}.")
        found.setdefault(match["module"], set()).add(match["part"])
    if any(len(parts) != 3 for parts in found.values()):
        raise AdapterError("The kohya file lacks a tensor of some module.")
    if found.keys() != {name.replace(".", "_") for name in lora.modules}:
        raise AdapterError("The kohya file is for other modules than the diffusers file.")
    return len(found)


def _entries(weights: Member) -> list[TensorEntry]:
    try:
        return read_header(cast(BinaryIO, weights), weights.size)
    except TensorFileError as error:
        raise AdapterError(f"The adapter's weights are not a safetensors file: {error}.") from error


def _check_shapes(name: str, module: _Module) -> None:
    if len(module.parts) != 2:
        raise AdapterError(f"The adapter lacks a tensor of {name}.")
    a, b = module.parts["lora_A"].shape, module.parts["lora_B"].shape
    if len(a) != 2 or len(b) != 2 or a[0] != b[1] or not a[0]:
        raise AdapterError(f"The factors of {name} do not fit each other.")


def _is_filled(weights: Member, entry: TensorEntry) -> bool:
    """Whether the next tensor holds anything but zeros."""
    filled, remaining = False, entry.nbytes
    code, exponent = _EXPONENTS[entry.dtype]
    while remaining:
        chunk = weights.read(min(CHUNK, remaining))
        if not chunk:
            raise AdapterError("The adapter's weights are cut short.")
        remaining -= len(chunk)
        numbers = array(code, chunk)
        if sys.byteorder == "big":
            numbers.byteswap()
        if any(number & exponent == exponent for number in numbers):
            raise AdapterError(f"The adapter holds values of {entry.name} that are not finite.")
        filled = filled or any(numbers)
    return filled
