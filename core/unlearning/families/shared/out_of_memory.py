"""Tells that memory ran out, and gives back what can be."""

from __future__ import annotations

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an accelerator, or the CPU allocator, has no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)


def free_cached_memory() -> None:
    """Give memory back that torch holds for tensors to come, where there is an accelerator."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
