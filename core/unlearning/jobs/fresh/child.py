"""The process that `fresh.FreshProcess` asks. It has trained nothing, and dies with who asks."""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import IO, Any

from core.imports import importing
from core.unlearning.errors import UnlearningError
from core.unlearning.families.registry import load_family
from core.unlearning.jobs.fresh.messages import Failure, Start, Step, read, write


class _Relay:
    """The evaluation's progress, sent to the parent."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def phase(self, phase: str, total_steps: int | None = None, *, done: int = 0) -> None:
        """The parent knows."""

    def step(self, *, loss: float | None = None) -> None:  # noqa: ARG002 (as in `Progress`)
        """Told to the parent."""
        write(self._pipe, Step())

    def metric(self, name: str, value: float) -> None:
        """Not told."""

    def log(self, message: str) -> None:
        """Not told."""

    def alive(self) -> None:
        """Not told."""


def _die_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _serve(inbox: IO[bytes], outbox: IO[bytes]) -> None:
    start = read(inbox)
    _prepare(start)
    base = _load(start) if start.preload else None
    while True:
        ask = read(inbox)
        base = base or _load(start)
        family = load_family(start.spec.family)
        relay = _Relay(outbox)
        found = family.evaluate_packed(base, Path(ask.adapter), ask.examples, level=ask.level, progress=relay)
        write(outbox, found)


def _prepare(start: Start) -> None:
    """Import now, while the parent is still busy, what the first question would wait for."""
    warnings.simplefilter("ignore")
    with importing():
        import torch
        from transformers.utils.logging import disable_progress_bar

        load_family(start.spec.family)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(start.threads)
    torch.set_flush_denormal(True)


def _load(start: Start) -> Any:
    return load_family(start.spec.family).load(start.spec, precision=start.precision)


def _failure(error: Exception) -> Failure:
    """What is told of an error: never the text of one that is not ours, which may hold a question."""
    if isinstance(error, UnlearningError):
        return Failure(error.detail, error.code, error.retryable)
    return Failure(f"the patch could not be evaluated: {type(error).__name__}", "evaluation_failed", False)


def main() -> None:
    """Serve the parent until it closes the pipe. Standard output carries answers only."""
    outbox = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    answer(sys.stdin.buffer, outbox)


def answer(inbox: IO[bytes], outbox: IO[bytes]) -> None:
    """The same through these pipes."""
    _die_with_parent()
    try:
        _serve(inbox, outbox)
    except EOFError:
        return
    except Exception as error:
        write(outbox, _failure(error))


if __name__ == "__main__":
    main()
