"""Uploaded pictures. Each is encrypted under a key of its own, and erased when nothing needs it any more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import BinaryIO, Literal

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from core.service.clock import now
from core.service.context import Services
from core.service.db.engine import after_commit
from core.service.db.models import File, Job, JobFile
from core.service.errors import FieldError, FileInUse, InvalidRequest, NotFound, Unavailable
from core.service.files.content import storage_key
from core.service.files.images import inspect, too_large
from core.service.ids import new_id
from core.service.settings import Settings
from core.service.storage.erase import erase_object
from core.service.storage.port import CHUNK, StoreError

Purpose = Literal["forget", "retain"]


@dataclass(frozen=True)
class FileRecord:
    """An uploaded picture. `expires_at` is None while a job needs it."""

    id: str
    purpose: str
    bytes: int
    media_type: str
    width: int
    height: int
    sha256: str
    created_at: datetime
    expires_at: datetime | None


def create_file(
    services: Services,
    s: Session,
    tenant: str,
    purpose: Purpose,
    stream: BinaryIO,
    filename: str | None = None,
    media_type: str | None = None,
) -> FileRecord:
    """Store a picture. Its bytes say what it is; `filename` and `media_type` are the client's word, and dropped.

    Raises `TooLarge`, `UnsupportedMedia`, `InvalidRequest`.
    """
    del filename, media_type
    data = _read_limited(stream, services.settings)
    info = inspect(data, services.settings, "/file")
    file_id, wrapped = new_id("file"), services.keyring.new_data_key()
    try:
        services.storage.put(storage_key(file_id), services.keyring.encrypt(wrapped, data, storage_key(file_id)))
    except StoreError:
        raise Unavailable("The object store does not answer.") from None
    row = File(
        id=file_id,
        tenant_id=tenant,
        purpose=purpose,
        size=len(data),
        media_type=info.media_type,
        width=info.width,
        height=info.height,
        sha256=hashlib.sha256(data).hexdigest(),
        wrapped_key=wrapped.blob,
        created_at=now(),
        expires_at=now() + timedelta(hours=services.settings.file_ttl_hours),
    )
    s.add(row)
    s.flush()
    return _record(row, in_use=False)


def get_file(s: Session, tenant: str, file_id: str) -> FileRecord:
    """What is known of a file. Raises `NotFound`."""
    row = _row(s, tenant, file_id)
    used = select(JobFile.job_id).where(JobFile.file_id == file_id).limit(1)
    return _record(row, in_use=s.execute(used).first() is not None)


def delete_file(services: Services, s: Session, tenant: str, file_id: str) -> None:
    """Erase a file now. Raises `NotFound`, and `FileInUse` while a job that has not ended needs it."""
    row = _row(s, tenant, file_id)
    open_jobs = select(JobFile.job_id).join(Job, Job.id == JobFile.job_id)
    open_jobs = open_jobs.where(JobFile.file_id == file_id, Job.finished_at.is_(None)).limit(1)
    if s.execute(open_jobs).first() is not None:
        raise FileInUse
    s.execute(delete(JobFile).where(JobFile.file_id == file_id))
    s.delete(row)
    s.flush()
    erase_content(services, s, [file_id])


def attach(s: Session, tenant: str, job_id: str, forget: Sequence[str], retain: Sequence[str]) -> None:
    """Tie files to a job, so that they stay as long as its inputs do. Raises `InvalidRequest` for unknown ones."""
    wanted = set(forget) | set(retain)
    query = select(File.id).where(File.tenant_id == tenant, File.id.in_(wanted)).with_for_update()
    known = set(s.execute(query).scalars()) if wanted else set()
    named = [("/images", forget), ("/retain/images", retain)]
    faults = [
        FieldError(f"{pointer}/{index}", "unknown_file", "There is no such file.")
        for pointer, ids in named
        for index, file_id in enumerate(ids)
        if file_id not in known
    ]
    if faults:
        raise InvalidRequest("A file that the request names does not exist.", code="unknown_file", errors=faults)
    s.add_all(JobFile(job_id=job_id, file_id=file_id) for file_id in sorted(wanted))
    s.flush()


def detach(s: Session, job_id: str) -> list[str]:
    """Untie a job's files; drop the rows of those that no other job needs. Returns their ids: erase their content."""
    ids = list(s.execute(delete(JobFile).where(JobFile.job_id == job_id).returning(JobFile.file_id)).scalars())
    unused = ~exists().where(JobFile.file_id == File.id)
    return list(s.execute(delete(File).where(File.id.in_(ids), unused).returning(File.id)).scalars())


def erase_content(services: Services, s: Session, file_ids: Iterable[str]) -> None:
    """Delete the content of files whose rows, and with them their keys, go with this transaction."""
    for file_id in file_ids:
        after_commit(s, partial(erase_object, services.storage, storage_key(file_id)))


def _read_limited(stream: BinaryIO, settings: Settings) -> bytes:
    limit, parts, size = settings.max_image_bytes, [], 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if size > limit:
            raise too_large(settings, "/file")
        parts.append(chunk)
    return b"".join(parts)


def _row(s: Session, tenant: str, file_id: str) -> File:
    row = s.execute(select(File).where(File.tenant_id == tenant, File.id == file_id)).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row


def _record(row: File, *, in_use: bool) -> FileRecord:
    expires = None if in_use else row.expires_at
    return FileRecord(
        row.id, row.purpose, row.size, row.media_type, row.width, row.height, row.sha256, row.created_at, expires
    )
