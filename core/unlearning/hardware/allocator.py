"""glibc's allocator, told to keep what it got: a step of training asks for the large blocks that the last one let go.

By default each of them comes from the system anew, page by page. Elsewhere than under glibc nothing happens.
"""

from __future__ import annotations

import ctypes
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of mallopt(3)."""
_LARGEST = 2**30
"""Bytes of a block that is kept."""


def keep_freed_blocks() -> None:
    """From now on, in this process."""
    if adjust := _function("mallopt"):
        adjust(_MMAP_THRESHOLD, _LARGEST)
        adjust(_TRIM_THRESHOLD, 2**31 - 1)


def release_free_blocks() -> None:
    """What is kept and not used goes to the system now; what is let go later is kept again."""
    if trim := _function("malloc_trim"):
        trim(0)


def _function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None)
