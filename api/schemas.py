"""Bodies of requests and answers; those of a job itself are in `core.service.jobs`."""

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
from core.service.requests.views import RequestView
from core.service.webhooks.views import DeliveryView, WebhookView


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses for these error statuses and for those of every route."""
    body = {"model": ProblemBody, "content": {MEDIA_TYPE: {}}}
    every = (400, 401, 403, 404, 422, 429, 503)
    return {status: {**body, "description": "Problem"} for status in sorted({*every, *statuses})}


WITH_BODY = (408, 409, 413, 415)
"""Further error statuses of routes that read a body."""


class JobList(BaseModel):
    """A page of jobs, newest first."""

    object: Literal["list"] = "list"
    data: list[JobView]
    has_more: bool = Field(description="Whether older jobs follow.")
    next_cursor: str | None = Field(description="Value of `after` for the next page. null: there is none.")


class RequestList(BaseModel):
    """A page of requests, newest first."""

    object: Literal["list"] = "list"
    data: list[RequestView]
    has_more: bool = Field(description="Whether older requests follow.")
    next_cursor: str | None = Field(description="Value of `after` for the next page. null: there is none.")


class EventView(BaseModel):
    """Something that happened to a job."""

    object: Literal["event"] = "event"
    id: str
    seq: int = Field(description="Number of the event within its job, counted from 1.")
    type: EventType
    created_at: datetime
    data: dict[str, Any] = Field(description="What happened; its fields depend on `type`.")


class EventList(BaseModel):
    """Events in order."""

    object: Literal["list"] = "list"
    data: list[EventView]
    has_more: bool = Field(description="Whether later events follow.")


class ArtifactView(BaseModel):
    """A file that a job left."""

    object: Literal["artifact"] = "artifact"
    name: str
    media_type: str
    size: int = Field(description="Size in bytes.")
    sha256: str = Field(description="SHA-256 of the content, in hexadecimal.")
    url: str = Field(description="Where to download it.")


class ArtifactList(BaseModel):
    """The files of a job."""

    object: Literal["list"] = "list"
    data: list[ArtifactView]
    has_more: Literal[False] = False


class FileView(BaseModel):
    """An uploaded picture, or a sound, which has a duration and a sample rate in place of width and height."""

    object: Literal["file"] = "file"
    id: str
    purpose: Purpose = Field(description="Whether the file shows what is forgotten or what is kept.")
    bytes: int = Field(description="Size in bytes.")
    media_type: str
    width: int | None = Field(description="Width of a picture in pixels. null for a sound.")
    height: int | None = Field(description="Height of a picture in pixels. null for a sound.")
    duration_seconds: float | None = Field(description="Length of a sound in seconds. null for a picture.")
    sample_rate: int | None = Field(description="Samples per second of a sound. null for a picture.")
    sha256: str = Field(description="SHA-256 of the content, in hexadecimal.")
    created_at: datetime
    expires_at: datetime | None = Field(
        description="When the file is erased unless a job names it. null: it is kept as long as its jobs' inputs."
    )


class ModelView(BaseModel):
    """A registered model."""

    object: Literal["model"] = "model"
    id: str
    family: str
    source: str = Field(description="Checkpoint folder on the server, or a hub id.")
    revision: str | None = Field(description="Commit of a hub id.")
    retain_set: str | None = Field(description="Folder that says what must stay.")
    defaults: dict[str, Any] = Field(description="Method options and settings of the family that hold for this model.")
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
    families: list[str] = Field(description="Kinds of models that the method works on.")
    paper: str = Field(description="Source of the method.")
    needs_images: bool = Field(description="Whether a request must bring pictures, where the model sees any.")
    needs_names: bool = Field(description="Whether a request must bring a name.")
    options: dict[str, Any] = Field(description="JSON Schema of the method's options.")


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

    name: Annotated[Label, Field(max_length=100)] = Field(description="Your own name for the key.")
    scopes: list[Scope] = Field(min_length=1, max_length=len(SCOPES), description="What the key may do.")
    expires_at: Moment | None = Field(None, description="When the key stops working. null: never.")


class KeyRotate(BaseModel):
    """How a key is replaced: the old one goes on for a while, so that its users can change over."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_seconds": 3600}]})

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS)] = Field(
        86400, description="Seconds for which the old key goes on working."
    )
    expires_at: Moment | None = Field(None, description="When the new key stops working. null: never.")


class KeyView(BaseModel):
    """An API key, without its secret."""

    object: Literal["key"] = "key"
    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="When the key was last used, to about a minute. null: never.")
    revoked_at: datetime | None = Field(description="When the key was revoked. null: it was not.")


class KeyCreated(KeyView):
    """An API key with its secret, which is shown this once."""

    secret: str | None = Field(
        description="The key itself. It is shown only in the first answer; null when that answer is repeated."
    )


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

    name: str = Field(description="What was checked.")
    ok: bool = Field(description="Whether it works.")
    detail: str = Field(description="What was found, in words.")


class Readiness(BaseModel):
    """One row a check."""

    status: Literal["ready", "unavailable"]
    checks: list[Check]


class PlanPreview(BaseModel):
    """What a request would become. Nothing was stored."""

    object: Literal["plan"] = "plan"
    model: str
    method: str = Field(description="The method that would be used.")
    plan: dict[str, Any] = Field(
        description="What a job would do: options with all defaults, numbers of examples, estimates."
    )


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
    """The receipt of a request, or of its cancellation."""

    api_version: str
    controller_id: str
    subject_request_id: str
    received_time: datetime
    expected_completion_time: datetime
    encoded_request: str | None = Field(None, description="The body of the request, in base64.")
    processor_signature: str = Field(description="Signature of this document without this member, in base64.")


class OpendsrStatus(BaseModel):
    """The state of a request."""

    api_version: str
    controller_id: str
    subject_request_id: str
    request_status: RequestStatus
    expected_completion_time: datetime
    results_url: str | None
    results_count: int | None
    extensions: dict[str, dict[str, str]]
