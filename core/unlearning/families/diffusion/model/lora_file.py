"""Write low-rank factors as the files that diffusers, and the tools that read kohya's format, load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import state_dict_utils
from safetensors.torch import save_file
from torch import Tensor

from core.unlearning.errors import DivergedError, IneffectivePatchError
from core.version import VERSION

WEIGHTS, KOHYA = "pytorch_lora_weights.safetensors", "kohya_lora.safetensors"
PREFIX = "unet."
"""Files without it load as nothing at all, and diffusers only warns."""

Factors = Mapping[str, tuple[Tensor, Tensor]]
"""By the path of a linear layer in the denoiser: A [rank, in] and B [out, rank]; the change of the weight is B @ A."""


def write(
    factors: Factors, folder: Path, *, method: str, base_digest: str, dtype: torch.dtype = torch.float16
) -> dict[str, int]:
    """Write both files; gives their sizes in bytes. Alpha is the rank, so that scale 1 is the whole change.

    The header says what made the patch and which base it fits, and never whom it is about. Raises `DivergedError` and
    `IneffectivePatchError`.
    """
    tensors: dict[str, Tensor] = {}
    for path, (lora_a, lora_b) in factors.items():
        tensors[f"{PREFIX}{path}.lora_A.weight"] = lora_a.detach().to("cpu", dtype).contiguous()
        tensors[f"{PREFIX}{path}.lora_B.weight"] = lora_b.detach().to("cpu", dtype).contiguous()
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise DivergedError("The patch would hold values that are not finite.")
    if not any(bool(tensor.any()) for name, tensor in tensors.items() if name.endswith("lora_B.weight")):
        raise IneffectivePatchError("The patch changes nothing: its weights add up to zero.")
    folder.mkdir(parents=True, exist_ok=True)
    header = {"format": "pt", "method": method, "base_digest": base_digest, "lethe": VERSION}
    save_file(tensors, folder / WEIGHTS, metadata=header)
    convert: Any = state_dict_utils
    twin = {name: tensor.contiguous() for name, tensor in convert.convert_state_dict_to_kohya(tensors).items()}
    save_file(twin, folder / KOHYA, metadata=header)
    return {name: (folder / name).stat().st_size for name in (WEIGHTS, KOHYA)}
