"""Watches a job pass from phase to phase: how long each took, and what to do when one begins."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from core.unlearning.progress import Progress
from core.unlearning.types import Phase


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
