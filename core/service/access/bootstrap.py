"""The first key of an embedded installation."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.service.access.keys import add_key, digest
from core.service.access.scopes import SCOPES
from core.service.access.secrets import new_secret
from core.service.access.tenants import DEFAULT_TENANT, ensure_tenant
from core.service.context import Services
from core.service.crypto.secret_files import read_or_create
from core.service.db.engine import lock
from core.service.db.tables.access import ApiKey

KEY_FILE = "api-key"
SETTING_UP = "lethe: setting up"
"""The advisory lock of servers that start at the same time."""


def bootstrap_embedded_key(services: Services) -> Path:
    """Make sure that `data_dir/api-key` (mode 0600) holds a key of all scopes; returns the path.

    A key in the file that the database lacks, because one of them was restored, is added. A revoked key stays revoked.
    """
    path = services.settings.data_dir / KEY_FILE
    secret = read_or_create(path, new_secret)
    with services.db.write() as session:
        lock(session, SETTING_UP)
        ensure_tenant(session, DEFAULT_TENANT, "Default")
        if not _is_stored(session, secret):
            add_key(session, DEFAULT_TENANT, "embedded", SCOPES, secret)
    return path


def _is_stored(session: Session, secret: str) -> bool:
    return session.execute(select(ApiKey.id).where(ApiKey.digest == digest(session, secret))).first() is not None
