"""Loads a patch the way its users do, with unmodified PEFT, and makes sure that it does something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from torch import Tensor

from core.unlearning.errors import IneffectivePatchError, UnlearningError
from core.unlearning.patches import manifest
from core.unlearning.patches.digest import require_base
from core.unlearning.patches.supertuning import WEIGHTS

_ROUNDING = 1e-6
"""A delta smaller than this part of what it is made of has cancelled out."""


def load_patched(
    base: Path | str, adapter: Path, *, expected_digest: str | None = None, auto_class: Any = None, **options: Any
) -> PeftModel:
    """`PeftModel.from_pretrained(auto_class.from_pretrained(base, **options), adapter)`, with what PEFT does not check.

    `auto_class` defaults to `AutoModelForImageTextToText`. The base must have `expected_digest`, or else the one in
    the manifest of the unpacked bundle that `adapter` lies in, where there is one: `BaseMismatchError`. Every tensor
    of the patch must have found its place: `UnlearningError`.
    """
    expected = expected_digest or _manifest_digest(adapter)
    if expected is not None:
        require_base(expected, base, revision=options.get("revision"))
    model = (auto_class or _default_class()).from_pretrained(base, **options)
    patched = PeftModel.from_pretrained(model, str(adapter))
    check_complete(patched, adapter)
    return patched


def check_effect(adapter: Path) -> float:
    """The Frobenius norm of the whole delta, from the weights alone; `IneffectivePatchError` when it is zero."""
    norm, scale = 0.0, 0.0
    with safe_open(adapter / WEIGHTS, framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118 - not a mapping
            if name.endswith("lora_A.weight"):
                delta_square, parts_square = _module_squares(tensors, name.removesuffix("lora_A.weight"))
                norm, scale = norm + delta_square, scale + parts_square
    if norm <= scale * _ROUNDING**2:
        raise IneffectivePatchError("The patch changes nothing: its weights add up to zero.")
    return float(norm**0.5)


def changes_outputs(patched: PeftModel, inputs: Iterable[Mapping[str, Any]], *, at_least: float = 1e-6) -> float:
    """The largest change of any logit over the processed inputs, with the patch against without.

    Raises `IneffectivePatchError` when no logit moves by `at_least`.
    """
    training = patched.training
    patched.eval()
    try:
        change = max((_largest_change(patched, batch) for batch in inputs), default=0.0)
    finally:
        patched.train(training)
    if not change >= at_least:
        raise IneffectivePatchError("The patch, loaded by the stock library, changes no output.")
    return change


@torch.inference_mode()
def _largest_change(patched: PeftModel, batch: Mapping[str, Any]) -> float:
    after = patched(**batch).logits
    with patched.disable_adapter():
        before = patched(**batch).logits
    return float((after.float() - before.float()).abs().max())


def _default_class() -> Any:
    from transformers import AutoModelForImageTextToText

    return AutoModelForImageTextToText


def _manifest_digest(adapter: Path) -> str | None:
    path = adapter.resolve().parent / manifest.NAME
    if not path.is_file():
        return None
    return manifest.parse(path.read_bytes())[0].base.digest


def check_complete(patched: PeftModel, adapter: Path) -> None:
    """Raises `UnlearningError` (`patch_does_not_fit`) unless every tensor of the patch has found its place."""
    with safe_open(adapter / WEIGHTS, framework="pt") as tensors:
        written = set(tensors.keys())
    loaded = set(get_peft_model_state_dict(patched, save_embedding_layers=False))
    if written != loaded:
        raise UnlearningError(
            f"The patch does not fit the model: {len(written - loaded)} of its tensors have no place there, "
            f"{len(loaded - written)} modules' tensors are not in it.",
            code="patch_does_not_fit",
        )


def _module_squares(tensors: Any, prefix: str) -> tuple[float, float]:
    """`|delta|^2` and the sum of the squares of its parts."""
    # Convolutions' factors have kernels, of which the second is one wide.
    lora_a, lora_b = (tensors.get_tensor(f"{prefix}lora_{part}.weight").flatten(1) for part in "AB")
    delta: Tensor = lora_b @ lora_a
    parts = _square(delta)
    if prefix.endswith("supertuning_"):
        values, indices = tensors.get_tensor(f"{prefix}values"), tensors.get_tensor(f"{prefix}indices")
        delta.view(-1).scatter_add_(0, indices.long(), values)
        parts += _square(values)
    return _square(delta), parts


def _square(tensor: Tensor) -> float:
    return float(tensor.double().square().sum())
