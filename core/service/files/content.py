"""The bytes of an uploaded file."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.context import Services
from core.service.crypto.keyring import WrappedKey
from core.service.db.tables.files import File
from core.service.errors import NotFound


def storage_key(file_id: str) -> str:
    """The storage key of a file's encrypted content."""
    return f"files/{file_id}"


def read_file_bytes(services: Services, s: Session, tenant: str, file_id: str) -> bytes:
    """The decrypted content. Raises `NotFound`, `ObjectMissing`, `DecryptionError`."""
    row = s.execute(select(File).where(File.tenant_id == tenant, File.id == file_id)).scalar_one_or_none()
    if row is None:
        raise NotFound
    key = storage_key(file_id)
    return services.keyring.decrypt(WrappedKey(row.wrapped_key), services.storage.read(key), key)
