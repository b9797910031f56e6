"""Settings, from `LETHE_*` environment variables. Embedded and cluster mode differ only in their settings."""

from __future__ import annotations

import os
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}


class Settings(BaseSettings):
    """The settings of API and worker. With the defaults everything runs on one machine."""

    model_config = SettingsConfigDict(env_prefix="LETHE_", extra="ignore")

    mode: Literal["embedded", "cluster"] = Field(
        "embedded",
        description="`embedded`: API and worker on one machine. `cluster`: API and workers are started separately.",
    )
    data_dir: Path = Field(Path("lethe-data"), description="Folder for everything that is kept on this machine.")
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the database, PostgreSQL or SQLite. Default: SQLite in data_dir."
    )
    broker_url: SecretStr | None = Field(
        None, description="URL of the Celery broker, for example redis://host:6379/0. Default: a folder in data_dir."
    )
    storage_url: str | None = Field(
        None,
        description="Where artefacts and encrypted inputs are: file:///folder, s3://bucket or s3://bucket/prefix. "
        "Default: a folder in data_dir.",
    )
    s3_endpoint: str = Field("127.0.0.1:9000", description="Address of the S3 server, as host:port.")
    s3_public_endpoint: str | None = Field(
        None,
        description="Address of the S3 server as clients reach it, host:port, for presigned URLs. Default: none are "
        "made.",
    )
    s3_region: str = Field("us-east-1", description="Region of the bucket.")
    s3_access_key: SecretStr | None = Field(None, description="Access key of the S3 server.")
    s3_secret_key: SecretStr | None = Field(None, description="Secret key of the S3 server.")
    s3_secure: bool = Field(False, description="Whether the S3 server is reached over TLS.")
    master_key: SecretStr | None = Field(
        None, description="Key that wraps all data keys, at least 32 characters. Default: read from master_key_file."
    )
    master_key_file: Path | None = Field(
        None,
        description="File with a master key on each line; the first one wraps new keys. Default: data_dir/master.key.",
    )
    other_master_key: SecretStr | None = Field(
        None, description="Second master key that is accepted while master keys are rotated."
    )
    signing_key_file: Path | None = Field(
        None, description="Ed25519 private key that signs manifests and certificates. Default: data_dir/signing.key."
    )
    host: str = Field("127.0.0.1", description="Address on which the API listens.")
    port: int = Field(8000, description="Port on which the API listens.")
    public_url: str | None = Field(
        None,
        description="Address at which clients reach the API; links are built on it. Default: links are paths without "
        "a host.",
    )
    opendsr_domain: str | None = Field(
        None, description="Domain of this OpenDSR processor. Default: the host of public_url."
    )
    opendsr_key_file: Path | None = Field(
        None, description="RSA private key, PEM, that signs OpenDSR answers. Default: data_dir/opendsr.key."
    )
    opendsr_certificate_file: Path | None = Field(
        None, description="Certificate of that key with its chain, PEM, leaf first. Default: a self-signed one."
    )
    opendsr_model: str | None = Field(
        None, description="Model of OpenDSR requests that name none. Default: such requests are refused."
    )
    model_roots: Annotated[list[Path], NoDecode] = Field(
        [], description="Folders, separated by `:`, in which registered models and their data may lie."
    )
    bundled_models: bool = Field(True, description="Register the reference models that come with the package.")
    docs: bool = Field(True, description="Serve /docs and /openapi.json.")
    cors_origins: Annotated[list[str], NoDecode] = Field(
        [], description="Origins, separated by spaces or commas, whose web pages may call the API."
    )
    log_level: str = Field("INFO", description="Lowest level of lines that are logged: DEBUG, INFO, WARNING or ERROR.")
    log_format: Literal["json", "console"] = Field(
        "json", description="`json`: one JSON object a line. `console`: for people."
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Bearer token that opens /metrics, at least 16 characters. Default: only this machine may read it.",
    )
    tracing: bool = Field(
        False, description="Send OpenTelemetry traces; needs the extra `otel`. OTEL_* variables say where to."
    )

    lease_seconds: float = Field(
        60.0,
        gt=0,
        description="Seconds for which a worker owns a job without renewing its claim; then another may take it.",
    )
    heartbeat_seconds: float = Field(
        10.0, gt=0, description="Seconds between two renewals of the claim; at most half of lease_seconds."
    )
    stall_seconds: float = Field(
        900.0, gt=0, description="Seconds without a sign of progress after which a worker process is ended."
    )
    checkpoint_seconds: float = Field(
        60.0,
        ge=0,
        description="Seconds between two checkpoints of training: at most this much work is lost with a worker.",
    )
    sweep_seconds: float = Field(
        5.0, gt=0, description="Seconds between two sweeps, which erase what is due and requeue what was lost."
    )
    worker_memory_gb: float | None = Field(
        None,
        gt=0,
        description="GB of GPU memory, or of main memory without a GPU, that one job may take. Default: all there is.",
    )
    max_attempts: int = Field(3, ge=1, description="Attempts at a job before it fails because its workers died.")
    job_time_limit_seconds: float = Field(6 * 3600.0, gt=0, description="Seconds that one attempt at a job may take.")
    retention_days: float = Field(
        7.0, ge=0, description="Days for which the inputs of a job are kept after it ended. 0: they are erased at once."
    )
    file_ttl_hours: float = Field(24.0, ge=0, description="Hours for which an uploaded file is kept that no job names.")
    idempotency_days: float = Field(
        7.0, ge=1, description="Days for which the first answer to an Idempotency-Key is kept."
    )
    due_warning_days: float = Field(
        7.0, ge=0, description="Days before a request's due date at which a warning is logged."
    )
    job_expires_days: float = Field(
        90.0,
        gt=0,
        description="Days for which a job and its report are kept; patch and certificate stay until it is deleted. A "
        "job that no worker took by then fails.",
    )

    webhook_networks: str = Field(
        "", description="Private networks that webhooks may reach, separated by commas, e.g. 10.0.0.0/8,::1/128."
    )
    webhook_timeout_seconds: float = Field(15.0, gt=0, description="Seconds in which a webhook's receiver must answer.")
    webhook_history_days: float = Field(30.0, gt=1, description="Days for which webhook deliveries are kept.")
    max_webhooks: int = Field(20, ge=0, description="Webhooks for each tenant.")

    max_body_bytes: int = Field(256 * 2**20, description="Largest body of a multipart request, in bytes.")
    max_json_bytes: int = Field(4 * 2**20, description="Largest body of any other request, in bytes.")
    body_seconds: float = Field(
        30.0,
        gt=0,
        description="Seconds that a request body may take, beside its size divided by body_bytes_per_second.",
    )
    body_bytes_per_second: float = Field(
        10_000.0, gt=0, description="Slowest rate at which a request body may arrive, in bytes per second."
    )
    head_seconds: float = Field(15.0, gt=0, description="Seconds in which the head of a request must arrive.")
    stalled_seconds: float = Field(60.0, gt=0, description="Seconds for which a client may read nothing of an answer.")
    max_images: int = Field(256, description="Pictures for each job.")
    max_image_bytes: int = Field(20 * 2**20, description="Largest picture file, in bytes.")
    max_image_pixels: int = Field(50_000_000, description="Largest picture, in pixels (width times height).")
    max_audio: int = Field(256, description="Sound clips for each job.")
    max_audio_bytes: int = Field(20 * 2**20, description="Largest sound file, in bytes.")
    max_audio_seconds: float = Field(
        60.0, gt=0, le=60, description="Longest sound clip, in seconds. Workers decode none longer than 60."
    )
    max_prompts: int = Field(256, description="Prompts for each job.")
    max_prompt_chars: int = Field(2000, description="Longest prompt, in characters.")
    max_queued_jobs: int = Field(1000, description="Jobs of a tenant that may wait in the queue.")
    max_running_jobs: int = Field(16, description="Jobs of a tenant that may run at the same time.")
    requests_per_minute: int = Field(
        600, description="Requests per minute for each API key, counted by each API process for itself."
    )

    @field_validator("model_roots", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("metrics_token", mode="before")
    @classmethod
    def _none_if_empty(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("database_url")
    @classmethod
    def _name_driver(cls, value: SecretStr | None) -> SecretStr | None:
        scheme, colon, rest = (value.get_secret_value() if value else "").partition(":")
        return SecretStr(f"{_DRIVERS.get(scheme, scheme)}:{rest}") if colon else value

    @field_validator("webhook_networks")
    @classmethod
    def _networks_parse(cls, value: str) -> str:
        _networks(value)
        return value

    @model_validator(mode="after")
    def _beat_within_lease(self) -> Settings:
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("lease_seconds must be at least twice heartbeat_seconds")
        return self

    @property
    def allowed_webhook_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Private networks that webhooks may reach, also over plain HTTP and on any port."""
        return _networks(self.webhook_networks)

    @property
    def resolved_database_url(self) -> str:
        """The URL of the database."""
        url = self.database_url
        return url.get_secret_value() if url else f"sqlite:///{self.data_dir.absolute() / 'lethe.db'}"

    @property
    def resolved_storage_url(self) -> str:
        """The URL of the object store."""
        return self.storage_url or f"file://{self.data_dir.absolute() / 'store'}"

    @property
    def resolved_signing_key_file(self) -> Path:
        """The path of the Ed25519 private key, whether it exists yet or not."""
        return self.signing_key_file or self.data_dir / "signing.key"


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
