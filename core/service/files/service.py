"""Uploaded pictures and sounds. Each is encrypted under its own key, and erased when no job needs it any more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import BinaryIO

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.crypto.keyring import WrappedKey
from core.service.db.engine import after_commit
from core.service.db.tables.files import File, Purpose
from core.service.db.tables.jobs import Job, JobFile
from core.service.errors import FieldError, FileInUse, InvalidRequest, NotFound
from core.service.files.content import storage_key
from core.service.files.images import inspect_image
from core.service.files.sniff import ImageInfo
from core.service.files.sniff_sound import SoundInfo, begins_like_sound
from core.service.files.sounds import inspect_sound
from core.service.kit.clock import now
from core.service.kit.ids import new_id
from core.service.settings import Settings
from core.service.storage.before_rows import PendingObjects, objects_before_rows
from core.service.storage.erase import erase_object
from core.service.storage.port import CHUNK


@dataclass(frozen=True)
class FileRecord:
    """An uploaded picture (with `width` and `height`) or sound. `expires_at` is None while a job needs it."""

    id: str
    purpose: str
    bytes: int
    media_type: str
    width: int | None
    height: int | None
    duration_seconds: float | None
    sample_rate: int | None
    sha256: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class StoredFile:
    """A file whose content is in the store, encrypted, and which has no row yet."""

    id: str
    info: ImageInfo | SoundInfo
    size: int
    sha256: str
    wrapped: WrappedKey
    objects: PendingObjects


@contextmanager
def storing_file(services: Services, stream: BinaryIO) -> Iterator[StoredFile]:
    """Store a picture or a sound before the transaction that adds its row. It is erased again if that is refused.

    Raises `TooLarge`, `UnsupportedMedia`, `InvalidRequest`, `Unavailable`.
    """
    data = _read_limited(stream, services.settings)
    info = _inspect(data, services.settings)
    file_id, wrapped = new_id("file"), services.keyring.new_data_key()
    key = storage_key(file_id)
    with objects_before_rows(services.storage) as objects:
        objects.put(key, services.keyring.encrypt(wrapped, data, key))
        yield StoredFile(file_id, info, len(data), hashlib.sha256(data).hexdigest(), wrapped, objects)


def add_file(s: Session, tenant: str, purpose: Purpose, file: StoredFile, settings: Settings) -> FileRecord:
    """Add the row of a stored file."""
    row = File(
        id=file.id,
        tenant_id=tenant,
        purpose=purpose,
        size=file.size,
        media_type=file.info.media_type,
        **_sizes(file.info),
        sha256=file.sha256,
        wrapped_key=file.wrapped.blob,
        created_at=now(),
        expires_at=now() + timedelta(hours=settings.file_ttl_hours),
    )
    s.add(row)
    s.flush()
    file.objects.have_rows = True
    return _record(row, in_use=False)


def get_file(s: Session, tenant: str, file_id: str) -> FileRecord:
    """The record of a file. Raises `NotFound`."""
    row = _row(s, tenant, file_id)
    used = select(JobFile.job_id).where(JobFile.file_id == file_id).limit(1)
    return _record(row, in_use=s.execute(used).first() is not None)


def delete_file(services: Services, s: Session, tenant: str, file_id: str) -> None:
    """Erase a file. Raises `NotFound`, and `FileInUse` while a job that has not ended needs it."""
    # Locked, so that no job can be made meanwhile that names it.
    row = _row(s, tenant, file_id, lock=True)
    open_jobs = select(JobFile.job_id).join(Job, Job.id == JobFile.job_id)
    open_jobs = open_jobs.where(JobFile.file_id == file_id, Job.finished_at.is_(None)).limit(1)
    if s.execute(open_jobs).first() is not None:
        raise FileInUse
    s.execute(delete(JobFile).where(JobFile.file_id == file_id))
    s.delete(row)
    s.flush()
    erase_content(services, s, [file_id])


def attach(s: Session, tenant: str, job_id: str, ids_by_list: Mapping[str, Sequence[str]]) -> None:
    """Attach files to a job, which keeps them as long as its inputs. `ids_by_list`: ids by the pointer of their list.

    Raises `InvalidRequest` for unknown files, for sounds in a list of pictures and pictures in a list of sounds.
    """
    all_ids = {file_id for ids in ids_by_list.values() for file_id in ids}
    query = select(File.id, File.media_type).where(File.tenant_id == tenant, File.id.in_(all_ids)).with_for_update()
    kinds = {row.id: row.media_type for row in s.execute(query)} if all_ids else {}
    entries = [(pointer, index, file_id) for pointer, ids in ids_by_list.items() for index, file_id in enumerate(ids)]
    faults = [
        fault
        for pointer, index, file_id in entries
        if (fault := _kind_fault(f"{pointer}/{index}", kinds.get(file_id), sound=pointer == "/audio"))
    ]
    if faults:
        raise InvalidRequest("A file that the request names cannot be used.", code=faults[0].code, errors=faults)
    s.add_all(JobFile(job_id=job_id, file_id=file_id) for file_id in sorted(all_ids))
    s.flush()


def detach(s: Session, job_id: str) -> list[str]:
    """Detach a job's files, and delete the rows of those that no other job needs. Returns the ids of these."""
    ids = list(s.execute(delete(JobFile).where(JobFile.job_id == job_id).returning(JobFile.file_id)).scalars())
    unused = ~exists().where(JobFile.file_id == File.id)
    return list(s.execute(delete(File).where(File.id.in_(ids), unused).returning(File.id)).scalars())


def erase_content(services: Services, s: Session, file_ids: Iterable[str]) -> None:
    """Delete the content of files once this transaction, which deletes their rows and keys, has committed."""
    for file_id in file_ids:
        after_commit(s, partial(erase_object, services.storage, storage_key(file_id)))


def _read_limited(stream: BinaryIO, settings: Settings) -> bytes:
    """The content, read up to one byte more than a file of its kind may have."""
    parts = [stream.read(CHUNK)]
    limit = settings.max_audio_bytes if begins_like_sound(parts[0]) else settings.max_image_bytes
    left = limit + 1 - len(parts[0])
    while left > 0 and (chunk := stream.read(min(CHUNK, left))):
        left -= len(chunk)
        parts.append(chunk)
    return b"".join(parts)


def _inspect(data: bytes, settings: Settings) -> ImageInfo | SoundInfo:
    if begins_like_sound(data):
        return inspect_sound(data, settings, "/file")
    return inspect_image(data, settings, "/file")


def _sizes(info: ImageInfo | SoundInfo) -> dict[str, float | int]:
    """The columns that only pictures, or only sounds, have."""
    if isinstance(info, ImageInfo):
        return {"width": info.width, "height": info.height}
    return {"duration_seconds": info.duration_seconds, "sample_rate": info.sample_rate}


def _kind_fault(pointer: str, media_type: str | None, *, sound: bool) -> FieldError | None:
    if media_type is None:
        return FieldError(pointer, "unknown_file", "There is no such file.")
    if media_type.startswith("audio/") == sound:
        return None
    return FieldError(
        pointer, "wrong_kind_of_file", "A sound is needed here." if sound else "A picture is needed here."
    )


def _row(s: Session, tenant: str, file_id: str, *, lock: bool = False) -> File:
    query = select(File).where(File.tenant_id == tenant, File.id == file_id)
    row = s.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row


def _record(row: File, *, in_use: bool) -> FileRecord:
    expires = None if in_use else row.expires_at
    return FileRecord(
        id=row.id,
        purpose=row.purpose,
        bytes=row.size,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        duration_seconds=row.duration_seconds,
        sample_rate=row.sample_rate,
        sha256=row.sha256,
        created_at=row.created_at,
        expires_at=expires,
    )
