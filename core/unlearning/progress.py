"""How a job reports where it is, how long each phase took, and how the outside stops it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from core.job_states import Phase


class Progress(Protocol):
    """Given to every long-running part. Each call may raise `StoppedError`, which must be let through."""

    def phase(self, phase: Phase, total_steps: int | None = None, *, done: int = 0) -> None:
        """Enter a phase of `total_steps` steps, where known. `done` of them an earlier process has made already."""

    def step(self, *, loss: float | None = None) -> None:
        """One step of the present phase is done."""

    def metric(self, name: str, value: float) -> None:
        """A number worth keeping, e.g. `utility_floor`."""

    def log(self, message: str) -> None:
        """A line for the operator. Never a name, a prompt or an answer."""

    def alive(self) -> None:
        """A sign of life, where nothing can be counted."""


class Silent:
    """A `Progress` that nobody watches."""

    def phase(self, phase: Phase, total_steps: int | None = None, *, done: int = 0) -> None:
        """Ignored."""

    def step(self, *, loss: float | None = None) -> None:
        """Ignored."""

    def metric(self, name: str, value: float) -> None:
        """Ignored."""

    def log(self, message: str) -> None:
        """Ignored."""

    def alive(self) -> None:
        """Ignored."""


SILENT = Silent()


class Phases:
    """A `Progress` in front of another. `seconds` by phase; `on` holds what to call at the beginning of one."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self._phase: Phase | None = None
        self._since = time.monotonic()
        self._spent: dict[str, float] = defaultdict(float)
        self.on: dict[Phase, Callable[[], object]] = {}

    def phase(self, phase: Phase, total_steps: int | None = None, *, done: int = 0) -> None:
        """Passed on."""
        self._settle()
        self._phase = phase
        self._inner.phase(phase, total_steps, done=done)
        if phase in self.on:
            self.on[phase]()

    def step(self, *, loss: float | None = None) -> None:
        """Passed on."""
        self._inner.step(loss=loss)

    def metric(self, name: str, value: float) -> None:
        """Passed on."""
        self._inner.metric(name, value)

    def log(self, message: str) -> None:
        """Passed on."""
        self._inner.log(message)

    def alive(self) -> None:
        """Passed on."""
        self._inner.alive()

    def seconds(self) -> dict[str, float]:
        """Until now, rounded to milliseconds."""
        self._settle()
        return {phase: round(spent, 3) for phase, spent in self._spent.items()}

    def _settle(self) -> None:
        now = time.monotonic()
        if self._phase is not None:
            self._spent[self._phase] += now - self._since
        self._since = now
