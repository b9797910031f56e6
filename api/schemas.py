"""What goes over the wire beside the job itself (`core.service.jobs`)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.problem import MEDIA_TYPE, ProblemBody
from core.service.access.scopes import SCOPES
from core.service.audit import AuditView
from core.service.db.tables.files import Purpose
from core.service.db.tables.jobs import EventType
from core.service.db.tables.opendsr import RequestStatus
from core.service.jobs.views import JobView
from core.service.kit.clock import Moment
from core.service.kit.text import Label
from core.service.webhooks.views import DeliveryView, WebhookView


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for these error statuses and for those that every route has."""
    body = {"model": ProblemBody, "content": {MEDIA_TYPE: {}}}
    every = (400, 401, 403, 404, 422, 429, 503)
    return {status: {**body, "description": "Problem"} for status in sorted({*every, *statuses})}


WITH_BODY = (408, 409, 413, 415)
"""What a request with a body can be answered on top."""


class JobList(BaseModel):
    """A page of jobs, newest first."""

    object: Literal["list"] = "list"
    data: list[JobView]
    has_more: bool
    next_cursor: str | None


class EventView(BaseModel):
    """Something that happened to a job."""

    object: Literal["event"] = "event"
    id: str
    seq: int
    type: EventType
    created_at: datetime
    data: dict[str, Any]


class EventList(BaseModel):
    """Events in order."""

    object: Literal["list"] = "list"
    data: list[EventView]
    has_more: bool


class ArtifactView(BaseModel):
    """A file that a job left."""

    object: Literal["artifact"] = "artifact"
    name: str
    media_type: str
    size: int
    sha256: str
    url: str


class ArtifactList(BaseModel):
    """The files of a job."""

    object: Literal["list"] = "list"
    data: list[ArtifactView]
    has_more: Literal[False] = False


class FileView(BaseModel):
    """An uploaded picture, or a sound, which has a duration and a sample rate in place of width and height."""

    object: Literal["file"] = "file"
    id: str
    purpose: Purpose
    bytes: int
    media_type: str
    width: int | None
    height: int | None
    duration_seconds: float | None
    sample_rate: int | None
    sha256: str
    created_at: datetime
    expires_at: datetime | None


class ModelView(BaseModel):
    """A registered model."""

    object: Literal["model"] = "model"
    id: str
    family: str
    source: str
    revision: str | None
    retain_set: str | None
    defaults: dict[str, Any]
    created_at: datetime


class ModelList(BaseModel):
    """The registered models."""

    object: Literal["list"] = "list"
    data: list[ModelView]
    has_more: Literal[False] = False


class MethodView(BaseModel):
    """An unlearning method and the JSON Schema of its options."""

    object: Literal["method"] = "method"
    name: str
    title: str
    families: list[str]
    paper: str
    needs_images: bool
    needs_names: bool
    options: dict[str, Any]


class MethodList(BaseModel):
    """The registered methods."""

    object: Literal["list"] = "list"
    data: list[MethodView]
    has_more: Literal[False] = False


MAX_OVERLAP_SECONDS = 30 * 86400
Scope = Annotated[str, Field(json_schema_extra={"enum": list(SCOPES)})]


class KeyCreate(BaseModel):
    """A new API key."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "reports", "scopes": ["jobs:read", "artifacts:read"]}]}
    )

    name: Annotated[Label, Field(max_length=100)]
    scopes: list[Scope] = Field(min_length=1, max_length=len(SCOPES))
    expires_at: Moment | None = None


class KeyRotate(BaseModel):
    """How a key is replaced: the old one goes on for a while, so that its users can change over."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_seconds": 3600}]})

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS)] = 86400
    expires_at: Moment | None = None


class KeyView(BaseModel):
    """An API key, without its secret."""

    object: Literal["key"] = "key"
    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyCreated(KeyView):
    """An API key with its secret, which is shown this once."""

    secret: str | None


class KeyList(BaseModel):
    """The tenant's keys."""

    object: Literal["list"] = "list"
    data: list[KeyView]
    has_more: Literal[False] = False


class WebhookList(BaseModel):
    """A page of webhooks, newest first."""

    object: Literal["list"] = "list"
    data: list[WebhookView]
    has_more: bool
    next_cursor: str | None


class DeliveryList(BaseModel):
    """A page of deliveries, newest first."""

    object: Literal["list"] = "list"
    data: list[DeliveryView]
    has_more: bool
    next_cursor: str | None


class AuditList(BaseModel):
    """A page of audit entries, newest first."""

    object: Literal["list"] = "list"
    data: list[AuditView]
    has_more: bool
    next_cursor: str | None


class Check(BaseModel):
    """One thing that must work before requests are sent here."""

    name: str
    ok: bool
    detail: str


class Readiness(BaseModel):
    """One row a check."""

    status: Literal["ready", "unavailable"]
    checks: list[Check]


class PlanPreview(BaseModel):
    """What a request would become. Nothing was stored."""

    object: Literal["plan"] = "plan"
    model: str
    method: str
    plan: dict[str, Any]


class OpendsrIdentity(BaseModel):
    """A kind of identity that a subject can be named by."""

    identity_type: str
    identity_format: str


class OpendsrDiscovery(BaseModel):
    """What this processor can be asked."""

    api_version: str
    supported_identities: list[OpendsrIdentity]
    supported_subject_request_types: list[str]
    processor_certificate: str
    supported_extensions: dict[str, list[str]]


class OpendsrReceipt(BaseModel):
    """That a request, or its cancellation, was received. `encoded_request` is the request's body in base64."""

    api_version: str
    controller_id: str
    subject_request_id: str
    received_time: datetime
    expected_completion_time: datetime
    encoded_request: str | None = None
    processor_signature: str


class OpendsrStatus(BaseModel):
    """How far a request is."""

    api_version: str
    controller_id: str
    subject_request_id: str
    request_status: RequestStatus
    expected_completion_time: datetime
    results_url: str | None
    results_count: int | None
    extensions: dict[str, dict[str, str]]
