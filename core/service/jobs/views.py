"""Jobs as clients see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, Field, GetPydanticSchema, PrivateAttr, SerializerFunctionWrapHandler, model_serializer
from pydantic_core.core_schema import literal_schema
from sqlalchemy import Connection, bindparam, inspect, select
from sqlalchemy.orm import Session

from core.job_states import JobStatus, Phase, Verdict
from core.service.db.tables.jobs import Job
from core.service.errors import NotFound
from core.service.jobs.artifacts import ArtifactRow, of_jobs
from core.service.jobs.rows import get_row

_HIDDEN = ("tenant_id", "wrapped_key", "erased_artifacts", "input_images", "input_audio", "sculpt")
_COLUMNS = [each.columns[0].label(each.key) for each in inspect(Job).column_attrs if each.key not in _HIDDEN]
_columns = Job.__table__.c
_THIS_JOB = (
    _columns.id == bindparam("job_id"),
    _columns.tenant_id == bindparam("tenant"),
    _columns.deleted_at.is_(None),
)
# Built once: building a statement takes longer than running it.
_SELECT_JOB = select(*_COLUMNS).where(*_THIS_JOB)
_SELECT_VERSION = select(_columns.version, _columns.status).where(*_THIS_JOB)

Status = Annotated[str, GetPydanticSchema(lambda *_: literal_schema([status.value for status in JobStatus]))]
"""A `JobStatus` in a document. Published, and refused, as a `Literal` of its values is."""


class ProgressView(BaseModel):
    """How far the present attempt is. `loss` is there once a step has reported one."""

    step: int = Field(description="Steps of this phase that are done.")
    total_steps: int | None = Field(description="Steps of this phase in all. null: not known yet.")
    fraction: float = Field(description="How far the attempt is, 0 to 1; it never goes down within an attempt.")
    eta_at: datetime | None = Field(description="When the attempt is expected to end. null: not known yet.")
    loss: float | None = None

    @model_serializer(mode="wrap")
    def _loss_once_known(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        if self.loss is None:
            fields.pop("loss", None)
        return fields


class ErrorView(BaseModel):
    """Why a job failed."""

    code: str = Field(description="Cause, for programs to read.")
    message: str = Field(description="Cause, for people to read, without anything about the subject.")
    retryable: bool = Field(description="Whether the same request may succeed another time.")
    attempt: int = Field(description="Attempt that failed, counted from 1.")


class JobArtifactView(BaseModel):
    """A file that a job left."""

    name: str
    media_type: str
    size: int = Field(description="Size in bytes.")
    sha256: str = Field(description="SHA-256 of the content, in hexadecimal.")
    url: str = Field(description="Where to download it.")


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
    phase: Phase | None = Field(description="Phase that the attempt is in, or was in last. null: none has begun.")
    progress: ProgressView
    model: str
    method: str = Field(description="The unlearning method.")
    plan: dict[str, Any] = Field(
        description="What the job does: options with all defaults, numbers of examples, estimates."
    )
    attempt: int = Field(description="Attempts that were begun.")
    parent: str | None = Field(description="Job of which this one is sculpted again. null: none.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    expires_at: datetime = Field(
        description="When the job and its report are deleted. Patch and certificate stay until the job is deleted on "
        "purpose."
    )
    due_at: datetime | None = Field(description="When the request must be answered. null: no date applies.")
    verdict: Verdict | None = Field(
        description="Whether the result met the thresholds. null: the job has not succeeded."
    )
    evaluation: dict[str, Any] | None = Field(
        description="Metrics of each split before and after, thresholds, which were missed, and every check with the "
        "number of its probes and a 95 % bound. null: not measured."
    )
    error: ErrorView | None = Field(description="Why the job failed. null: it did not.")
    request: str | None = Field(description="Request of a data subject that the job serves. null: none.")
    external_id: str | None = Field(description="Your own id of the request.")
    metadata: dict[str, str] = Field(description="Your own notes.")
    artifacts: list[JobArtifactView] = Field(description="Files that the job left.")
    links: LinksView

    _version: int = PrivateAttr(default=0)

    @property
    def version(self) -> int:
        """The row's version."""
        return self._version


@dataclass(frozen=True)
class JobVersion:
    """Whether a job has changed since a client read it, and whether it has ended."""

    version: int
    status: str


def view(job: Job, artifacts: Sequence[ArtifactRow] = (), base_url: str = "") -> JobView:
    """The document of a row. `base_url` is the prefix of every link, e.g. `https://lethe.example.com`."""
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
        request=job.erasure_request_id,
        external_id=job.external_id,
        metadata=job.job_metadata,
        artifacts=[_artifact(row, links.self) for row in artifacts],
        links=links,
    )
    shown._version = job.version
    return shown


def read_job(connection: Connection, tenant: str, job_id: str, base_url: str = "") -> JobView:
    """`get_job` without a session: one `SELECT` of the columns instead of an ORM object. Raises `NotFound`."""
    row = connection.execute(_SELECT_JOB, {"tenant": tenant, "job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound
    artifacts = of_jobs(connection, [job_id])[job_id] if row.status == JobStatus.SUCCEEDED else []
    return view(cast("Job", row), artifacts, base_url)


def read_version(connection: Connection, tenant: str, job_id: str) -> JobVersion:
    """Version and status alone, to tell whether a job has changed. Raises `NotFound`."""
    row = connection.execute(_SELECT_VERSION, {"tenant": tenant, "job_id": job_id}).one_or_none()
    if row is None:
        raise NotFound
    return JobVersion(row.version, row.status)


def get_job(s: Session, tenant: str, job_id: str, base_url: str = "") -> JobView:
    """One job. Raises `NotFound`."""
    return refreshed_view(s, get_row(s, tenant, job_id), base_url)


def refreshed_view(s: Session, job: Job, base_url: str = "") -> JobView:
    """The document of a row with its artefacts, after the changes that this session has made to it."""
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
