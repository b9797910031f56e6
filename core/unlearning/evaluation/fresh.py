"""Evaluates a packed patch as its users will have it: the stock library loads it in a process that trained nothing.

`FreshProcess` starts `python -m core.unlearning.evaluation.fresh`, which imports what it needs while the caller still
works; or it has one that has imported it already, where a `Zygote` was set aside. Examples go through a pipe and
never touch a disk; the process dies with its parent.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from core.imports import importing
from core.unlearning import accelerator
from core.unlearning.errors import UnlearningError
from core.unlearning.evaluation.results import Evaluated
from core.unlearning.evaluation.zygote import Zygote, possible
from core.unlearning.families.base import load_family
from core.unlearning.progress import Progress
from core.unlearning.types import Example, Level, ModelSpec


class FreshProcessError(UnlearningError):
    """The process ended without an answer; killed for its memory, most of the time."""

    code = "evaluation_process_died"
    retryable = True


@dataclass(frozen=True)
class _Start:
    spec: ModelSpec
    precision: str
    threads: int
    preload: bool


@dataclass(frozen=True)
class _Ask:
    adapter: str
    examples: tuple[Example, ...]
    level: Level


@dataclass(frozen=True)
class _Step:
    """One step of the evaluation is done."""


@dataclass(frozen=True)
class _Failure:
    detail: str
    code: str
    retryable: bool


_zygote: Zygote | None = None


def set_aside() -> None:
    """Have a zygote from now on: called by a process with a single thread which has imported the libraries.

    Where there may be a GPU, or the system has no such thing, every process is started anew.
    """
    global _zygote
    if possible() and not accelerator.may_be_here():
        _zygote = Zygote(answer)


def _started() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", __name__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment())  # noqa: S603


class FreshProcess:
    """A process that is ready to evaluate patches of one base model. A context manager; leaving it ends the process.

    With `preload` the base model is loaded at once, beside the caller's copy; otherwise not before it is asked for.
    """

    def __init__(self, spec: ModelSpec, *, precision: str = "auto", threads: int, preload: bool) -> None:
        self._process = (_zygote and _zygote.fork()) or _started()
        self._send(_Start(spec, precision, threads, preload))

    def evaluate(self, adapter: Path, examples: Sequence[Example], level: Level, progress: Progress) -> Evaluated:
        """Measure the base model under `adapter`. `progress.step()` is called as `evaluate` would."""
        self._send(_Ask(str(adapter.absolute()), tuple(examples), level))
        while isinstance(answer := self._receive(), _Step):
            progress.step()
        if isinstance(answer, _Failure):
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

    def _send(self, message: _Start | _Ask) -> None:
        try:
            _write(_there(self._process.stdin), message)
        except BrokenPipeError:
            raise FreshProcessError("the evaluation process ended before it was asked") from None

    def _receive(self) -> Any:
        try:
            return _read(_there(self._process.stdout))
        except (EOFError, pickle.UnpicklingError):
            raise FreshProcessError("the evaluation process ended without an answer") from None


class _Relay:
    """The evaluation's progress, sent to the parent."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def phase(self, phase: str, total_steps: int | None = None, *, done: int = 0) -> None:
        """The parent knows."""

    def step(self, *, loss: float | None = None) -> None:  # noqa: ARG002 (as in `Progress`)
        """Told to the parent."""
        _write(self._pipe, _Step())

    def metric(self, name: str, value: float) -> None:
        """Not told."""

    def log(self, message: str) -> None:
        """Not told."""

    def alive(self) -> None:
        """Not told."""


def _write(pipe: IO[bytes], message: object) -> None:
    pickle.dump(message, pipe)
    pipe.flush()


def _read(pipe: IO[bytes]) -> Any:
    return pickle.load(pipe)  # noqa: S301 (a private pipe to a process that we started)


def _there(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise FreshProcessError("the evaluation process has no pipe")
    return pipe


def _environment() -> dict[str, str]:
    """That of the calling process with its import path, as `multiprocessing` does for its children."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _die_with_parent() -> None:
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _serve(inbox: IO[bytes], outbox: IO[bytes]) -> None:
    start = _read(inbox)
    _prepare(start)
    base = _load(start) if start.preload else None
    while True:
        ask = _read(inbox)
        base = base or _load(start)
        family = load_family(start.spec.family)
        relay = _Relay(outbox)
        found = family.evaluate_packed(base, Path(ask.adapter), ask.examples, level=ask.level, progress=relay)
        _write(outbox, found)


def _prepare(start: _Start) -> None:
    """Import now, while the parent is still busy, what the first question would wait for."""
    warnings.simplefilter("ignore")
    with importing():
        import torch
        from transformers.utils.logging import disable_progress_bar

        load_family(start.spec.family)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(start.threads)
    torch.set_flush_denormal(True)


def _load(start: _Start) -> Any:
    return load_family(start.spec.family).load(start.spec, precision=start.precision)


def _failure(error: Exception) -> _Failure:
    """What is told of an error: never the text of one that is not ours, which may hold a question."""
    if isinstance(error, UnlearningError):
        return _Failure(error.detail, error.code, error.retryable)
    return _Failure(f"the patch could not be evaluated: {type(error).__name__}", "evaluation_failed", False)


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
        _write(outbox, _failure(error))


if __name__ == "__main__":
    # The pickled classes belong to the importable module, not to `__main__`.
    from core.unlearning.evaluation import fresh

    fresh.main()
