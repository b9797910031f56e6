"""What every command shares: the server's settings, its services, and how to print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from core.service.context import Services
from core.service.db.migrate import head_revision
from core.service.settings import Settings

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
ACTOR = "admin"
"""Who it was, in the audit log, when somebody on the server's machine did it."""


class AdminError(Exception):
    """A command cannot go on. The message is one line that says what to do."""


def settings_for(data_dir: Path | None) -> Settings:
    """The server's settings: its environment, and the data folder if one is named."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    return settings.model_copy(update={"data_dir": settings.data_dir.absolute()})


@contextmanager
def opened(context: typer.Context) -> Iterator[Services]:
    """The services of an installation that exists, at the revision of this code. Raises `AdminError`."""
    settings: Settings = context.obj
    if settings.database_url is None and not (settings.data_dir / "lethe.db").exists():
        raise AdminError(f"there is no server's data in {settings.data_dir}: name its folder with --data-dir")
    with Services.open(settings) as services:
        revision, head = services.db.revision(), head_revision()
        if revision != head:
            raise AdminError(f"the database is at revision {revision or 'none'}, not {head}: run `lethe admin migrate`")
        yield services


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(value, indent=2, default=str))
