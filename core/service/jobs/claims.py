"""The claim of a worker on a job that it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import ColumnElement, and_, or_

from core.job_states import JobStatus
from core.service.db.tables.jobs import Job
from core.service.jobs.origin import Origin


class LeaseLost(Exception):  # noqa: N818 - an event rather than an error
    """Another worker has the job by now, or it has ended. Stop, and discard the results."""


@dataclass(frozen=True)
class Claim:
    """One attempt at a job. Its writes are accepted only while `lease_token` equals that of the job's row."""

    job_id: str
    tenant_id: str
    attempt: int
    lease_token: int
    owner: str
    method: str = "unknown"
    origin: Origin = field(default_factory=Origin)
    fraction: float = 0.0
    """How far the checkpoints of earlier attempts go."""


def holds_lease(claim: Claim) -> ColumnElement[bool]:
    """The SQL condition that fences a write: nobody else has claimed, requeued or ended the job since `claim`."""
    return and_(Job.id == claim.job_id, Job.lease_token == claim.lease_token, Job.status == JobStatus.RUNNING)


@dataclass(frozen=True)
class Capacity:
    """The memory that a worker has for one job: of its GPU, or of the machine where it has none."""

    kind: Literal["gpu", "cpu"]
    bytes: int

    def fits(self) -> ColumnElement[bool]:
        """The SQL condition that a job fits. A job whose need is not known fits everywhere."""
        need = Job.gpu_memory if self.kind == "gpu" else Job.cpu_memory
        return or_(Job.gpu_memory.is_(None), need <= self.bytes)
