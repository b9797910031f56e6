"""The database: tables, sessions, migrations."""

from core.service.db.engine import Database
from core.service.db.migrate import head_revision, migrate

__all__ = ["Database", "head_revision", "migrate"]
