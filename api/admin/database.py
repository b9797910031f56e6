"""`lethe admin migrate`."""

from __future__ import annotations

import typer

from core.service.db.migrate import head_revision
from core.service.db.migrate import migrate as upgrade
from core.service.settings import Settings


def migrate(context: typer.Context) -> None:
    """Bring the database to the newest revision. Doing it again changes nothing."""
    settings: Settings = context.obj
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    upgrade(settings.resolved_database_url)
    typer.echo(f"the database is at revision {head_revision()}")
