"""How the large libraries are used in every process that runs a job."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from core.imports import importing
from core.unlearning.hardware.allocator import keep_blocks

_SHARED = ("core.unlearning.jobs.forget", "core.unlearning.evaluation.html", "transformers.modeling_utils", "peft")
"""What the jobs of all families need. What only one needs, diffusers above all, comes with its first job."""


def settle() -> None:
    """Import and adjust them. May be called again."""
    _imported()
    import torch
    from transformers.utils.logging import disable_progress_bar

    torch.set_flush_denormal(True)
    keep_blocks()
    disable_progress_bar()  # type: ignore[no-untyped-call]


@cache
def _imported() -> None:
    """Once: what a job made must not be taken for what stays."""
    with importing():
        for module in _SHARED:
            import_module(module)
