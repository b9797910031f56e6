"""The job as clients see it, and reading one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, GetPydanticSchema, PrivateAttr, SerializerFunctionWrapHandler, model_serializer
from pydantic_core.core_schema import literal_schema
from sqlalchemy import Connection, bindparam, inspect, select
from sqlalchemy.orm import Session

from core.job_states import TERMINAL, JobStatus, Phase, Verdict
from core.service.db.tables.jobs import Job
from core.service.errors import NotFound
from core.service.jobs.artifacts import ArtifactRow, of_jobs
from core.service.jobs.rows import get_row

_HIDDEN = ("tenant_id", "wrapped_key", "erased_artifacts", "input_images", "input_audio", "sculpt")
_COLUMNS = [each.columns[0].label(each.key) for each in inspect(Job).column_attrs if each.key not in _HIDDEN]
_row = Job.__table__.c
_THIS = (_row.id == bindparam("job_id"), _row.tenant_id == bindparam("tenant"), _row.deleted_at.is_(None))
# Built once: putting a statement together takes longer than sending it.
_WHOLE = select(*_COLUMNS).where(*_THIS)
_STATE = select(_row.version, _row.status).where(*_THIS)

Status = Annotated[str, GetPydanticSchema(lambda *_: literal_schema([status.value for status in JobStatus]))]
"""A `JobStatus` in a document. Published, and refused, as a `Literal` of its values is."""


class ProgressView(BaseModel):
    """How far the present attempt is. `loss` is there once a step has reported one."""

    step: int
    total_steps: int | None
    fraction: float
    eta_at: datetime | None
    loss: float | None = None

    @model_serializer(mode="wrap")
    def _loss_once_known(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        if self.loss is None:
            fields.pop("loss", None)
        return fields


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str
    message: str
    retryable: bool
    attempt: int


class JobArtifactView(BaseModel):
    """A file that a job left."""

    name: str
    media_type: str
    size: int
    sha256: str
    url: str


class LinksView(BaseModel):
    """Where to go from here."""

    self: str
    events: str
    cancel: str
    patch: str
    report: str


class JobView(BaseModel):
    """A job. `version` (not part of the document) changes whenever anything in it does: the ETag."""

    object: Literal["job"] = "job"
    id: str
    status: Status
    phase: Phase | None
    progress: ProgressView
    model: str
    method: str
    plan: dict[str, Any]
    attempt: int
    parent: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    expires_at: datetime
    due_at: datetime | None
    verdict: Verdict | None
    evaluation: dict[str, Any] | None
    error: ErrorView | None
    external_id: str | None
    metadata: dict[str, str]
    artifacts: list[JobArtifactView]
    links: LinksView

    _version: int = PrivateAttr(default=0)

    @property
    def version(self) -> int:
        """The row's version."""
        return self._version

    @property
    def terminal(self) -> bool:
        """Whether the job has ended."""
        return self.status in TERMINAL


@dataclass(frozen=True)
class Unchanged:
    """What there is to say of a job to those who have it already."""

    version: int
    status: str


def view(job: Job, artifacts: Sequence[ArtifactRow] = (), base_url: str = "") -> JobView:
    """The document of a row. `base_url` comes before every link, e.g. `https://lethe.example.com`."""
    links = _links(job.id, base_url)
    shown = JobView(
        id=job.id,
        status=job.status,
        phase=job.phase,
        progress=ProgressView(
            step=job.step, total_steps=job.total_steps, fraction=job.fraction, eta_at=job.eta_at, loss=job.loss
        ),
        model=job.model,
        method=job.method,
        plan=job.plan,
        attempt=job.attempt,
        parent=job.parent_id,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        cancel_requested_at=job.cancel_requested_at,
        expires_at=job.expires_at,
        due_at=job.due_at,
        verdict=job.verdict,
        evaluation=job.evaluation,
        error=None if job.error is None else ErrorView.model_validate(job.error),
        external_id=job.external_id,
        metadata=job.job_metadata,
        artifacts=[_artifact(row, links.self) for row in artifacts],
        links=links,
    )
    shown._version = job.version
    return shown


def glance(connection: Connection, tenant: str, job_id: str, base_url: str = "") -> JobView:
    """`get_job` for those who only look: columns instead of an object of the session. Raises `NotFound`."""
    row = connection.execute(_WHOLE, {"tenant": tenant, "job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound
    artifacts = of_jobs(connection, [job_id])[job_id] if row.status == JobStatus.SUCCEEDED else []
    return view(cast("Job", row), artifacts, base_url)


def glance_state(connection: Connection, tenant: str, job_id: str) -> Unchanged:
    """Version and status alone, to tell whether a job has changed. Raises `NotFound`."""
    row = connection.execute(_STATE, {"tenant": tenant, "job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound
    return Unchanged(row.version, row.status)


def get_job(s: Session, tenant: str, job_id: str, base_url: str = "") -> JobView:
    """One job. Raises `NotFound`."""
    return refreshed(s, get_row(s, tenant, job_id), base_url)


def refreshed(s: Session, job: Job, base_url: str = "") -> JobView:
    """The document of a row, with its artefacts, after whatever this session did to it."""
    s.flush()
    s.refresh(job)
    return view(job, of_jobs(s, [job.id])[job.id], base_url)


def _links(job_id: str, base_url: str) -> LinksView:
    here = f"{base_url.rstrip('/')}/v1/jobs/{job_id}"
    return LinksView(
        self=here, events=f"{here}/events", cancel=f"{here}/cancel", patch=f"{here}/patch", report=f"{here}/report"
    )


def _artifact(row: ArtifactRow, here: str) -> JobArtifactView:
    return JobArtifactView(
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        url=f"{here}/artifacts/{row.name}",
    )
