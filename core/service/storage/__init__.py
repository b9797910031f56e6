"""Object stores."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from core.service.settings import Settings
from core.service.storage.disk import DiskStore
from core.service.storage.port import ObjectStore


def open_store(settings: Settings) -> ObjectStore:
    """The store of the settings: `file:///folder`, `s3://bucket` or `s3://bucket/prefix`."""
    url = urlsplit(settings.resolved_storage_url)
    if url.scheme == "file" and not url.netloc:
        return DiskStore(Path(unquote(url.path)))
    if url.scheme == "s3" and url.netloc:
        from core.service.storage.s3 import S3Store

        return S3Store(url.netloc, settings, prefix=unquote(url.path).strip("/"))
    raise ValueError("storage_url must be file:///folder, s3://bucket or s3://bucket/prefix")
