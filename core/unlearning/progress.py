"""How a job tells the outside where it is, and how the outside stops it."""

from __future__ import annotations

from typing import Protocol

from core.unlearning.types import Phase


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
