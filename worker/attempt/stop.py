"""The flag that tells a running job to stop, and why."""

from __future__ import annotations

from typing import Literal

from core.unlearning.errors import StoppedError

Reason = Literal["cancelled", "lease_lost", "shutting_down", "time_limit"]


class JobStoppedError(StoppedError):
    """Raised out of the job's next step after a stop was requested."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class StopFlag:
    """Set by any thread or signal handler, checked by the job at its next step. The first reason counts.

    A plain attribute, since a lock taken in a signal handler may be held by the very thread that it interrupted.
    """

    def __init__(self) -> None:
        self.reason: Reason | None = None

    def request(self, reason: Reason) -> None:
        """Ask the job to stop."""
        self.reason = self.reason or reason

    def check(self) -> None:
        """Raises `JobStoppedError` once a stop was requested."""
        if self.reason is not None:
            raise JobStoppedError(self.reason)
