"""The states of a job. Database, API, worker and client all take them from here."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

Phase = Literal["validating", "loading", "training", "sculpting", "evaluating", "packaging"]
"""What a running job is doing."""
Verdict = Literal["passed", "failed"]
"""Whether the patch of a job that succeeded met its thresholds."""


class JobStatus(StrEnum):
    """Where a job stands. A job is created as `QUEUED`, and ends in one of the three `TERMINAL` states."""

    QUEUED = "queued"
    """It waits for a worker: it is new, was retried, was handed back by a worker, or has lost its worker."""
    RUNNING = "running"
    """A worker holds its lease. A cancelled job stays here until the worker has stopped."""
    SUCCEEDED = "succeeded"
    """It left a patch, a report and a verdict. The verdict may be `failed`."""
    FAILED = "failed"
    """It left an error and no patch. Only from here can a client queue it again."""
    CANCELLED = "cancelled"
    """A client stopped it, or deleted it while it was queued."""


TERMINAL = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)
"""A job in one of these states has ended."""
