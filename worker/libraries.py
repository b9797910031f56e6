"""How the large libraries are used in every process that runs a job."""

from __future__ import annotations


def settle() -> None:
    """Import and adjust them. May be called again."""
    import torch
    from transformers.utils.logging import disable_progress_bar

    torch.set_flush_denormal(True)
    disable_progress_bar()  # type: ignore[no-untyped-call]
