"""Settings, from `LETHE_*` environment variables. Embedded and cluster mode differ in nothing else."""

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
    """Every setting of API and worker. Each has a default with which one machine works at once."""

    model_config = SettingsConfigDict(env_prefix="LETHE_", extra="ignore")

    mode: Literal["embedded", "cluster"] = "embedded"
    data_dir: Path = Path("lethe-data")
    database_url: SecretStr | None = Field(None, description="Default: SQLite in data_dir.")
    broker_url: SecretStr | None = Field(None, description="Default: a folder in data_dir.")
    storage_url: str | None = Field(None, description="file:///folder or s3://bucket. Default: a folder in data_dir.")
    s3_endpoint: str = "127.0.0.1:9000"
    s3_public_endpoint: str | None = Field(None, description="host:port in presigned URLs. Default: none are made.")
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_secure: bool = False
    master_key: SecretStr | None = Field(None, description="At least 32 characters. Default: the master_key_file.")
    master_key_file: Path | None = Field(
        None, description="A key on each line; the first is used for what is new. Default: data_dir/master.key."
    )
    other_master_key: SecretStr | None = Field(None, description="Accepted too, while master keys are rotated.")
    signing_key_file: Path | None = Field(None, description="Ed25519 private key. Default: data_dir/signing.key.")
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = Field(None, description="Where clients reach the API; links are built on it.")
    opendsr_domain: str | None = Field(None, description="The processor's domain. Default: the host of public_url.")
    opendsr_key_file: Path | None = Field(None, description="RSA private key. Default: data_dir/opendsr.key.")
    opendsr_certificate_file: Path | None = Field(None, description="PEM chain, leaf first. Default: self-signed.")
    opendsr_model: str | None = Field(None, description="The model of OpenDSR requests that name none.")
    model_roots: Annotated[list[Path], NoDecode] = Field([], description="Folders that may hold registered models.")
    bundled_models: bool = Field(True, description="Register the reference models that come with the package.")
    docs: bool = Field(True, description="Serve /docs and /openapi.json.")
    cors_origins: Annotated[list[str], NoDecode] = Field([], description="Origins whose pages may call the API.")
    log_level: str = "INFO"
    log_format: Literal["json", "console"] = "json"
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description="Bearer token for /metrics. Default: loopback only."
    )
    tracing: bool = Field(False, description="OpenTelemetry; needs the extra `otel`. OTEL_* variables configure it.")

    lease_seconds: float = Field(60.0, gt=0)
    heartbeat_seconds: float = Field(10.0, gt=0)
    stall_seconds: float = Field(900.0, gt=0)
    checkpoint_seconds: float = Field(60.0, ge=0, description="At most this much work is lost with a worker.")
    sweep_seconds: float = Field(5.0, gt=0)
    worker_memory_gb: float | None = Field(
        None, gt=0, description="What one job may take of a worker's GPU, or of its memory. Default: all there is."
    )
    max_attempts: int = Field(3, ge=1)
    job_time_limit_seconds: float = Field(6 * 3600.0, gt=0)
    retention_days: float = Field(7.0, ge=0)
    file_ttl_hours: float = Field(24.0, ge=0)
    idempotency_days: float = Field(7.0, ge=1)
    due_warning_days: float = Field(7.0, ge=0, description="Days before a request's due date at which to warn of it.")
    job_expires_days: float = Field(90.0, gt=0)

    webhook_networks: str = Field("", description="Private networks that webhooks may reach, e.g. 10.0.0.0/8,::1/128.")
    webhook_timeout_seconds: float = Field(15.0, gt=0)
    webhook_history_days: float = Field(30.0, gt=1)
    max_webhooks: int = Field(20, ge=0)

    max_body_bytes: int = 256 * 2**20
    max_json_bytes: int = 4 * 2**20
    body_seconds: float = Field(30.0, gt=0, description="What a request body may take, beyond its size by its rate.")
    body_bytes_per_second: float = Field(10_000.0, gt=0, description="The slowest rate of a request body.")
    head_seconds: float = Field(15.0, gt=0, description="What the head of a request may take.")
    stalled_seconds: float = Field(60.0, gt=0, description="How long a client may read nothing of an answer.")
    max_images: int = 256
    max_image_bytes: int = 20 * 2**20
    max_image_pixels: int = 50_000_000
    max_audio: int = Field(256, description="Sound clips a job.")
    max_audio_bytes: int = 20 * 2**20
    max_audio_seconds: float = Field(60.0, gt=0, le=60, description="Workers decode no longer clip.")
    max_prompts: int = 256
    max_prompt_chars: int = 2000
    max_queued_jobs: int = 1000
    max_running_jobs: int = 16
    requests_per_minute: int = 600

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
        """Networks that webhooks may reach although they are not public, over plain HTTP and on any port too."""
        return _networks(self.webhook_networks)

    @property
    def resolved_database_url(self) -> str:
        """Where the database is."""
        given = self.database_url
        return given.get_secret_value() if given else f"sqlite:///{self.data_dir.absolute() / 'lethe.db'}"

    @property
    def resolved_storage_url(self) -> str:
        """Where artefacts and encrypted inputs are."""
        return self.storage_url or f"file://{self.data_dir.absolute() / 'store'}"

    @property
    def resolved_signing_key_file(self) -> Path:
        """Where the Ed25519 private key is, or will be."""
        return self.signing_key_file or self.data_dir / "signing.key"


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
