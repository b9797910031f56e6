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
from core.service.db.engine import alone
from core.service.db.tables.access import ApiKey

KEY_FILE = "api-key"
SETTING_UP = "lethe: setting up"
"""What several servers that start at once do one after the other."""


def bootstrap_embedded_key(services: Services) -> Path:
    """The file `data_dir/api-key` (mode 0600) with a key of all scopes, made on first start. Returns its path.

    A key that the database does not know, since one of the two was restored, is entered again; a revoked one stays so.
    """
    path = services.settings.data_dir / KEY_FILE
    secret = read_or_create(path, new_secret)
    with services.db.write() as session:
        alone(session, SETTING_UP)
        ensure_tenant(session, DEFAULT_TENANT, "Default")
        if not _known(session, secret):
            add_key(session, DEFAULT_TENANT, "embedded", SCOPES, secret)
    return path


def _known(session: Session, secret: str) -> bool:
    return session.execute(select(ApiKey.id).where(ApiKey.digest == digest(session, secret))).first() is not None
