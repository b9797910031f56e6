"""Why a running job must stop, and the flag that says so."""

from __future__ import annotations

from typing import Literal

from core.unlearning.errors import StoppedError

Reason = Literal["cancelled", "lease_lost", "shutting_down", "time_limit"]


class JobStoppedError(StoppedError):
    """Raised out of the job's next step."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class StopFlag:
    """Raised by any thread or signal handler, seen by the job at its next step. The first reason stands.

    A plain attribute, since a lock taken in a signal handler may be held by the very thread that it interrupted.
    """

    def __init__(self) -> None:
        self.reason: Reason | None = None

    def request(self, reason: Reason) -> None:
        """Ask the job to stop."""
        self.reason = self.reason or reason

    def check(self) -> None:
        """Raise `JobStoppedError` once somebody asked."""
        if self.reason is not None:
            raise JobStoppedError(self.reason)
