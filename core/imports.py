"""Large libraries imported without the garbage collector in the way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """What is made meanwhile is taken to stay: the collector looks at it neither now, nor later, nor at the end.

    PyTorch, Transformers and PEFT bring half a million objects, and what serves requests a good many too. Looking
    through them time and again took a third of what a process needs to start and to end.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
