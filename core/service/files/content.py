"""The bytes of an uploaded file."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.crypto.keyring import WrappedKey
from core.service.db.tables.files import File
from core.service.db.tables.jobs import JobFile


def storage_key(file_id: str) -> str:
    """The storage key of a file's encrypted content."""
    return f"files/{file_id}"


def keys_of_files(s: Session, job_id: str) -> dict[str, WrappedKey]:
    """The keys of the files that a job has, by the files' ids."""
    query = select(File.id, File.wrapped_key).join(JobFile, JobFile.file_id == File.id).where(JobFile.job_id == job_id)
    return {row.id: WrappedKey(row.wrapped_key) for row in s.execute(query)}


def read_file_bytes(services: Services, file_id: str, wrapped: WrappedKey) -> bytes:
    """The decrypted content. Raises `ObjectMissing`, `DecryptionError`."""
    key = storage_key(file_id)
    return services.keyring.decrypt(wrapped, services.storage.read(key), key)
