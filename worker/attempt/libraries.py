"""Imports and sets up the large libraries, in every process that runs a job."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from core.imports import importing
from core.unlearning.hardware.allocator import keep_freed_blocks

_SHARED = ("core.unlearning.jobs.forget", "core.unlearning.evaluation.html", "transformers.modeling_utils", "peft")
"""What the jobs of all families need. What only one family needs, such as diffusers, is imported by its first job."""


def prepare() -> None:
    """Import PyTorch, Transformers and PEFT, and set them up. May be called again."""
    _imported()
    import torch
    from transformers.utils.logging import disable_progress_bar

    torch.set_flush_denormal(True)
    keep_freed_blocks()
    disable_progress_bar()  # type: ignore[no-untyped-call]


@cache
def _imported() -> None:
    """Once: objects that a job has made must not be frozen, as `importing` does with those of modules."""
    with importing():
        for module in _SHARED:
            import_module(module)
