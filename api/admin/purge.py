"""`lethe admin purge`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from api.admin.context import ACTOR, JsonFlag, open_services, print_json
from core.service import audit
from core.service.context import Services
from core.service.jobs.sweep import retention
from core.service.jobs.sweep.orphans import sweep_orphans

_TITLES = {
    "inputs": "jobs whose inputs are past their time",
    "jobs": "jobs that have expired as a whole",
    "files": "uploaded files that no job names",
    "idempotency_keys": "first answers to repeated requests",
    "deliveries": "webhook deliveries of long ago",
    "orphans": "objects in the store that nothing refers to",
}


def purge(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is due.")] = False,
    json: JsonFlag = False,
) -> None:
    """Erase at once what is past its time. The server does the same by itself, every few seconds."""
    with open_services(context) as services:
        result = asdict(retention.due(services)) if dry_run else _erase(services)
    if json:
        print_json({"dry_run": dry_run, **result})
    else:
        _show(result, "due" if dry_run else "erased")


def _erase(services: Services) -> dict[str, Any]:
    total = asdict(erased := retention.erase(services))
    while not erased.nothing:
        erased = retention.erase(services)
        total = {name: total[name] + count for name, count in asdict(erased).items()}
    total["orphans"] = sweep_orphans(services)
    with services.db.write() as session:
        audit.record(session, audit.INSTALLATION, ACTOR, "retention.purged", audit.INSTALLATION, total)
    return total


def _show(result: dict[str, Any], verb: str) -> None:
    for name, value in result.items():
        typer.echo(f"{value if isinstance(value, int) else len(value):6}  {_TITLES[name]}")
        for each in value if isinstance(value, list) else []:
            typer.echo(f"        {each}")
    if not any(result.values()):
        typer.echo(f"nothing is {verb}")
