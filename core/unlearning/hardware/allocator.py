"""Settings of glibc's allocator: freed large blocks stay in the process, since every training step needs them again.

By default each of them is mapped anew, page by page. Without glibc nothing happens.
"""

from __future__ import annotations

import ctypes
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of mallopt(3)."""
_LARGEST = 2**30
"""Bytes of a block that is kept."""


def keep_freed_blocks() -> None:
    """Keep freed blocks in this process from now on."""
    if adjust := _function("mallopt"):
        adjust(_MMAP_THRESHOLD, _LARGEST)
        adjust(_TRIM_THRESHOLD, 2**31 - 1)


def release_free_blocks() -> None:
    """Return free blocks to the system now; blocks that are freed later are kept again."""
    if trim := _function("malloc_trim"):
        trim(0)


def _function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
