"""What all commands share: the server's settings, its services, and printing."""

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
"""The actor, in the audit log, of what is done by `lethe admin`."""


class AdminError(Exception):
    """A command cannot go on. The message is one line that says what to do."""


def settings_for(data_dir: Path | None) -> Settings:
    """The server's settings: from the environment, with this data folder if it is not None."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = Settings() if data_dir is None else Settings(data_dir=data_dir)
    return settings.model_copy(update={"data_dir": settings.data_dir.absolute()})


@contextmanager
def open_services(context: typer.Context) -> Iterator[Services]:
    """The services of the installation. Raises `AdminError` if there is none, or at another revision."""
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
