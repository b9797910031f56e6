"""A pipeline under a patch, loaded as anybody would load it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.unlearning.errors import IneffectivePatchError
from core.unlearning.families.diffusion.model import DiffusionModel

PATCH = "patch"
"""What the patch is called in the pipeline."""


@contextmanager
def under_patch(model: DiffusionModel, adapter: Path) -> Iterator[DiffusionModel]:
    """Inside, the model has the patch. Raises `IneffectivePatchError` where diffusers finds no place for it."""
    model.pipe.load_lora_weights(str(adapter), adapter_name=PATCH)
    try:
        if not model.pipe.get_list_adapters():
            raise IneffectivePatchError("diffusers loads the patch as nothing")
        yield model
    finally:
        model.pipe.unload_lora_weights()
        model.pipe.unet.requires_grad_(False)
