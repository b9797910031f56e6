"""Evaluates a packed patch as its users will have it: the stock library loads it in a process that trained nothing.

`FreshProcess` starts `python -m core.unlearning.jobs.fresh.child`, which imports what it needs while the caller
still works; or it has one that has imported it already, where a `Zygote` was set aside. Examples go through a pipe and
never touch a disk; the process dies with its parent.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from core.unlearning.errors import UnlearningError
from core.unlearning.evaluation.results import Evaluated
from core.unlearning.hardware import accelerator
from core.unlearning.jobs.fresh import child
from core.unlearning.jobs.fresh.messages import Ask, Failure, Start, Step, read, write
from core.unlearning.jobs.fresh.zygote import Zygote, possible
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Level, ModelSpec


class FreshProcessError(UnlearningError):
    """The process ended without an answer; killed for its memory, most of the time."""

    code = "evaluation_process_died"
    retryable = True


_zygote: Zygote | None = None


def set_aside() -> None:
    """Have a zygote from now on: called by a process with a single thread which has imported the libraries.

    Where there may be a GPU, or the system has no such thing, every process is started anew.
    """
    global _zygote
    if possible() and not accelerator.may_have_gpu():
        _zygote = Zygote(child.answer)


def _started() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", child.__name__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment())  # noqa: S603


class FreshProcess:
    """A process that is ready to evaluate patches of one base model. A context manager; leaving it ends the process.

    With `preload` the base model is loaded at once, beside the caller's copy; otherwise not before it is asked for.
    """

    def __init__(self, spec: ModelSpec, *, precision: str = "auto", threads: int, preload: bool) -> None:
        self._process = (_zygote and _zygote.fork()) or _started()
        self._send(Start(spec, precision, threads, preload))

    def evaluate(self, adapter: Path, examples: Sequence[Example], level: Level, progress: Progress) -> Evaluated:
        """Measure the base model under `adapter`. `progress.step()` is called as `evaluate` would."""
        self._send(Ask(str(adapter.absolute()), tuple(examples), level))
        while isinstance(answer := self._receive(), Step):
            progress.step()
        if isinstance(answer, Failure):
            raise UnlearningError(answer.detail, code=answer.code, retryable=answer.retryable)
        evaluation: Evaluated = answer
        return evaluation

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe:
                    pipe.close()
            except BrokenPipeError:
                continue

    def __enter__(self) -> FreshProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, message: Start | Ask) -> None:
        try:
            write(_there(self._process.stdin), message)
        except BrokenPipeError:
            raise FreshProcessError("the evaluation process ended before it was asked") from None

    def _receive(self) -> Any:
        try:
            return read(_there(self._process.stdout))
        except (EOFError, pickle.UnpicklingError):
            raise FreshProcessError("the evaluation process ended without an answer") from None


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise FreshProcessError("the evaluation process has no pipe")
    return pipe


def _environment() -> dict[str, str]:
    """That of the calling process with its import path, as `multiprocessing` does for its children."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
