"""The answers of the server as types. A field that only a newer server sends is kept as an extra, without an error."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.job_states import TERMINAL, JobStatus, Verdict


class Model(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class Progress(Model):
    """How far a running job is. `fraction` never goes down within an attempt."""

    step: int = 0
    total_steps: int | None = None
    fraction: float = 0.0
    eta_at: datetime | None = None
    loss: float | None = None


class JobError(Model):
    """Why a job failed. `retryable` says whether `retry` may help."""

    code: str
    message: str
    retryable: bool = False
    attempt: int | None = None


class Artifact(Model):
    """One file that a job made."""

    name: str
    media_type: str
    size: int
    sha256: str
    url: str | None = None


class JobState(Model):
    """The state of a job in an answer. It never holds the subject's name, prompts or images."""

    id: str
    status: JobStatus
    phase: str | None = None
    progress: Progress = Field(default_factory=Progress)
    model: str
    method: str
    plan: dict[str, Any] = Field(default_factory=dict)
    attempt: int = 0
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    expires_at: datetime | None = None
    due_at: datetime | None = None
    verdict: Verdict | None = None
    evaluation: dict[str, Any] | None = None
    error: JobError | None = None
    request: str | None = None
    external_id: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    artifacts: list[Artifact] = Field(default_factory=list)
    links: dict[str, str | None] = Field(default_factory=dict)
    parent: str | None = None

    @property
    def done(self) -> bool:
        """Whether the status is final."""
        return self.status in TERMINAL


class RequestJob(Model):
    """A job that serves a request."""

    id: str
    model: str
    method: str
    status: JobStatus
    verdict: Verdict | None = None
    parent: str | None = None
    deleted: bool = False


class Request(Model):
    """A request of a data subject. `met`: each of its models has a patch that passed."""

    id: str
    status: str
    met: bool
    regulation: str
    created_at: datetime
    received_at: datetime
    due_at: datetime
    extended_at: datetime | None = None
    ended_at: datetime | None = None
    reasons: dict[str, str] = Field(default_factory=dict)
    external_id: str | None = None
    same_subject: list[str] = Field(default_factory=list)
    jobs: list[RequestJob] = Field(default_factory=list)


class Event(Model):
    """Something that happened in a job. `seq` orders the events of one job."""

    seq: int
    type: str
    data: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime | None = None


class File(Model):
    """An uploaded picture or sound, waiting to be named in a job."""

    id: str
    bytes: int
    media_type: str
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    sample_rate: int | None = None
    sha256: str
    expires_at: datetime | None = None


class RegisteredModel(Model):
    """A model that jobs may name."""

    id: str
    family: str
    source: str
    revision: str | None = None
    retain_set: str | None = None
    defaults: dict[str, Any] = Field(default_factory=dict)


class Finding(Model):
    """One thing that jobs on a model depend on. `status` is "ok", "none", "unknown" or "invalid"."""

    name: str
    status: str
    detail: str


class Certainty(Model):
    """Where none of `probes` leaks or is lost, at most the share `at_most` of all does, with 95 % confidence.

    `clusters`: the different pictures or questions among them; `needed`: so many show the thresholds to be met.
    """

    level: str
    probes: int
    clusters: int | None = None
    at_most: float | None = None
    needed: int | None = None


class SplitCheck(Model):
    """What the retain set has of a split. `rows` by part; `missing`: parts that have none and should have some."""

    split: str
    title: str
    purpose: str = ""
    unit: str = "probe"
    rows: dict[str, int] = Field(default_factory=dict)
    missing: list[str] = Field(default_factory=list)
    certainty: list[Certainty] = Field(default_factory=list)


class MethodCheck(Model):
    """A method that works on the model, and what a request must bring for it."""

    name: str
    title: str
    needs: list[str] = Field(default_factory=list)


class LevelCheck(Model):
    """What a job about one subject takes. `memory` in bytes; `estimate`: how long earlier ones took."""

    level: str
    method: str
    training_examples: int = 0
    steps: int | None = None
    memory: dict[str, int] | None = None
    least_time: str | None = None
    estimate: dict[str, Any] = Field(default_factory=dict)


class ModelCheck(Model):
    """What a registered model and its retain set allow."""

    model: str
    family: str
    findings: list[Finding] = Field(default_factory=list)
    splits: list[SplitCheck] = Field(default_factory=list)
    methods: list[MethodCheck] = Field(default_factory=list)
    levels: list[LevelCheck] = Field(default_factory=list)


class Method(Model):
    """An unlearning method. `options` is the JSON Schema of a job's `method_options`."""

    name: str
    families: list[str] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)


class ApiKey(Model):
    """An API key without its secret."""

    id: str
    name: str | None = None
    scopes: list[str] = Field(default_factory=list)
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class NewApiKey(ApiKey):
    """A new key. Its secret is shown only now."""

    secret: str


class Webhook(Model):
    """Where the server sends what happens to jobs. `events` is None where it sends everything."""

    id: str
    url: str
    events: list[str] | None = None
    description: str | None = None
    status: str = "active"
    disabled_reason: str | None = None
    disabled_at: datetime | None = None
    created_at: datetime | None = None
    last_attempt_at: datetime | None = None
    consecutive_failures: int = 0
    paused_until: datetime | None = None


class NewWebhook(Webhook):
    """A webhook with a new signing secret, which is shown only now."""

    secret: str


class Attempt(Model):
    """One try at a delivery. `status_code` is None where no answer came."""

    number: int
    at: datetime
    outcome: str
    status_code: int | None = None
    duration_ms: int = 0


class Delivery(Model):
    """One event on its way to one webhook. `id` is the `webhook-id` header of every try."""

    id: str
    webhook_id: str
    type: str
    job_id: str
    status: str
    created_at: datetime
    next_attempt_at: datetime | None = None
    attempts: list[Attempt] = Field(default_factory=list)


class AuditEntry(Model):
    """Who did what to which resource, and when. `hash` covers this entry and the hash of the one before it."""

    number: int
    at: datetime
    actor: str
    action: str
    resource: str
    details: dict[str, Any] = Field(default_factory=dict)
    hash: str
