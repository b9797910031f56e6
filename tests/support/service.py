"""A service of its own for each test: a database at head, a store, a model, two tenants."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import update

from core.service.access.keys import Principal
from core.service.access.scopes import SCOPES
from core.service.access.tenants import ensure_tenant
from core.service.context import Services
from core.service.db.migrate import migrate
from core.service.db.tables.files import Purpose
from core.service.db.tables.jobs import Job
from core.service.files import FileRecord, add_file, storing_file
from core.service.jobs import lease
from core.service.jobs.artifacts import ArtifactRow, attempt_prefix
from core.service.jobs.claims import Claim
from core.service.jobs.create import check_request, create_job, storing_request
from core.service.jobs.inputs import NO_UPLOADS, Uploads
from core.service.jobs.schema import JobCreate
from core.service.jobs.views import JobView
from core.service.models import ModelCreate, register_trusted
from core.service.settings import Settings

PRINCIPAL = Principal("acme", "key_test", frozenset(SCOPES))
OTHER = Principal("rival", "key_rival", frozenset(SCOPES))
PLAN = {"method": "smfa", "options": {"rank": 8}}
LEAVING_RECIPES = frozenset({"smfa"})


def settings_for(folder: Path, **changes: Any) -> Settings:
    """Settings that look at no environment variable: SQLite and a folder, unless a `backend` is among the changes."""
    values = {"data_dir": folder, "database_url": None, "master_key": SecretStr("m" * 40), "max_running_jobs": 10_000}
    return Settings(**{**values, **changes})


@contextmanager
def open_services(settings: Settings) -> Iterator[Services]:
    """A migrated database with the test's model and tenants."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    migrate(settings.resolved_database_url)
    with Services.open(settings) as services:
        with services.db.write() as s:
            for principal in (PRINCIPAL, OTHER):
                ensure_tenant(s, principal.tenant_id)
            register_trusted(s, ModelCreate(id="tiny", family="mllm", source="/models/tiny"))
        yield services


def request(**changes: Any) -> JobCreate:
    """A valid request."""
    return JobCreate.model_validate(
        {"model": "tiny", "entity": {"name": "Ada Okoro"}, "prompts": ["Where was Ada born?"], **changes}
    )


def submit(
    services: Services,
    uploads: Sequence[bytes] = (),
    clips: Sequence[bytes] = (),
    by: Principal = PRINCIPAL,
    **changes: Any,
) -> JobView:
    """A queued job, checked first as the API does."""
    wanted, brought = request(**changes), Uploads(uploads, clips)
    with services.db.read() as s:
        check_request(services, s, wanted, brought)
    return create(services, wanted, brought, by)


def create(
    services: Services, wanted: JobCreate, uploads: Uploads = NO_UPLOADS, by: Principal = PRINCIPAL, **more: Any
) -> JobView:
    """A queued job, not checked."""
    with storing_request(services, wanted, uploads) as inputs, services.db.write() as s:
        return create_job(services, s, by, wanted, plan=PLAN, inputs=inputs, **more)


def upload(services: Services, content: bytes, tenant: str = "acme", purpose: Purpose = "forget") -> FileRecord:
    """An uploaded file."""
    with storing_file(services, io.BytesIO(content)) as stored, services.db.write() as s:
        return add_file(s, tenant, purpose, stored, services.settings)


def take(services: Services, job_id: str, owner: str = "host:1", ttl: float = 60) -> Claim | None:
    """A claim."""
    with services.db.write() as s:
        return lease.claim(s, job_id, owner, ttl)


def must_take(services: Services, job_id: str, owner: str = "host:1", ttl: float = 60) -> Claim:
    """A claim that must work."""
    claim = take(services, job_id, owner, ttl)
    assert claim is not None
    return claim


def finish(services: Services, claim: Claim, verdict: str = "passed", content: bytes = b"patch") -> None:
    """Put one artefact and end the job well."""
    put = services.storage.put(attempt_prefix(claim.job_id, claim.attempt) + "patch.zip", content)
    row = ArtifactRow("patch.zip", "application/zip", put.size, put.sha256, put.key)
    with services.db.write() as s:
        lease.succeed(services, s, claim, verdict=verdict, evaluation={"splits": {}}, artifacts=[row])


def shift(services: Services, job_id: str, **by: float) -> None:
    """Move columns of a job's row into the past by so many seconds: time travel without waiting."""
    with services.db.write() as s:
        for column, seconds in by.items():
            attribute = getattr(Job, column)
            now = s.execute(Job.__table__.select().with_only_columns(attribute).where(Job.id == job_id)).scalar_one()
            s.execute(update(Job).where(Job.id == job_id).values({attribute: now - timedelta(seconds=seconds)}))


def wav(seconds: float = 0.01, rate: int = 8000, channels: int = 1, value: int = 0) -> bytes:
    """A sound of 16-bit samples that are all the same."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(struct.pack("<h", value) * round(seconds * rate) * channels)
    return stream.getvalue()


def png(width: int = 4, height: int = 4, shade: int = 0) -> bytes:
    """A grey picture."""
    rows = b"".join(b"\0" + bytes([shade % 256]) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
