"""The files of jobs that succeeded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from core.service.db.tables.jobs import Artifact
from core.service.errors import NotFound
from core.service.jobs.rows import get_row


@dataclass(frozen=True)
class ArtifactRow:
    """One file. `storage_key` is its key in the object store: `attempt_prefix(...) + name`."""

    name: str
    media_type: str
    size: int
    sha256: str
    storage_key: str

    def public(self) -> dict[str, str | int]:
        """What clients see of it."""
        return {"name": self.name, "media_type": self.media_type, "size": self.size, "sha256": self.sha256}


def job_prefix(job_id: str) -> str:
    """The storage prefix of a job's artefacts."""
    return f"jobs/{job_id}/"


def attempt_prefix(job_id: str, attempt: int) -> str:
    """The storage prefix of one attempt. No other attempt writes there."""
    return f"{job_prefix(job_id)}attempts/{attempt}/"


def get_artifact(s: Session, tenant: str, job_id: str, name: str, *, expired: bool = False) -> ArtifactRow:
    """One file. `expired`: also of a job that has expired. Raises `NotFound`."""
    get_row(s, tenant, job_id, expired=expired)
    for row in of_jobs(s, [job_id])[job_id]:
        if row.name == name:
            return row
    raise NotFound


def of_jobs(s: Session | Connection, job_ids: Iterable[str]) -> dict[str, list[ArtifactRow]]:
    """The files of several jobs, in one query."""
    by_job: dict[str, list[ArtifactRow]] = defaultdict(list)
    columns = Artifact.job_id, Artifact.name, Artifact.media_type, Artifact.size, Artifact.sha256, Artifact.storage_key
    for row in s.execute(select(*columns).where(Artifact.job_id.in_(job_ids)).order_by(Artifact.name)):
        by_job[row.job_id].append(ArtifactRow(row.name, row.media_type, row.size, row.sha256, row.storage_key))
    return by_job
