"""What the exit status of `lethe` means (docs/reference/cli.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.job_states import JobStatus

if TYPE_CHECKING:
    from client.models import JobState

OK = 0
ERROR = 1
USAGE = 2
VERDICT_FAILED = 3
JOB_FAILED = 4
CANCELLED = 5
INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on. The message is one line that says what to do."""

    def __init__(self, message: str, code: int = ERROR) -> None:
        super().__init__(message)
        self.code = code


def for_job(job: JobState) -> int:
    """The exit status that says how a job ended; `OK` while it runs."""
    if job.status == JobStatus.FAILED:
        return JOB_FAILED
    if job.status == JobStatus.CANCELLED:
        return CANCELLED
    return VERDICT_FAILED if job.verdict == "failed" else OK
