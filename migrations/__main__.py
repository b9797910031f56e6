"""`python -m migrations`: brings the database of the settings to the newest revision."""

from __future__ import annotations

from core.imports import importing

with importing():
    from core.service.db.migrate import migrate
    from core.service.settings import get_settings

if __name__ == "__main__":
    migrate(get_settings().resolved_database_url)
