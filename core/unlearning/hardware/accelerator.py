"""Detect GPU drivers without PyTorch, which takes seconds to import and cannot be forked once CUDA is initialised."""

from __future__ import annotations

import ctypes
from pathlib import Path

_AMD = Path("/dev/kfd")
_NVIDIA = "libcuda.so.1"


def may_have_gpu() -> bool:
    """False without a driver; otherwise ask PyTorch."""
    return _AMD.exists() or _loads(_NVIDIA)


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
