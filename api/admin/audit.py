"""`lethe admin audit`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from api.admin.context import JsonFlag, opened, print_json
from core.service import audit
from core.service.access.tenants import DEFAULT_TENANT
from core.service.audit import AuditFault, AuditVerification
from core.service.jobs.subject import requests_about

app = typer.Typer(help="The audit log.", no_args_is_help=True)


@app.callback()
def commands() -> None:
    """The audit log."""


@app.command("verify")
def verify(context: typer.Context, json: JsonFlag = False) -> None:
    """Look for entries that were changed or taken away, in every tenant's chain. Exit status 1 if there is any."""
    with opened(context) as services:
        found = audit.verify(services)
    if json:
        print_json({"ok": found.ok, **asdict(found)})
    else:
        _show(found)
    raise typer.Exit(0 if found.ok else 1)


@app.command("find")
def find(
    context: typer.Context,
    tenant: Annotated[str, typer.Option(help="Whose requests.")] = DEFAULT_TENANT,
    json: JsonFlag = False,
) -> None:
    """List the requests about a person, those included whose data was erased.

    The name is read from the terminal or from standard input, and stored nowhere.
    """
    name = typer.prompt("Name", err=True, hide_input=sys.stdin.isatty())
    with opened(context) as services, services.db.read() as session:
        found = requests_about(session, tenant, name)
        rows = [{"job": entry.resource, "at": entry.at.isoformat(), "actor": entry.actor} for entry in found]
    if json:
        print_json({"requests": rows})
        return
    for row in rows:
        typer.echo(f"{row['at']}  {row['job']}  by {row['actor']}")
    typer.echo(f"{len(rows)} requests")


def _show(found: AuditVerification) -> None:
    for fault in found.faults:
        typer.echo(f"FAULT  {_place(fault)}: {fault.problem}")
    looked_at = f"{found.entries} entries in {found.tenants} chains, {found.anchors} anchors"
    typer.echo(f"the log is whole: {looked_at}" if found.ok else f"{len(found.faults)} faults; looked at {looked_at}")


def _place(fault: AuditFault) -> str:
    return f"tenant {fault.tenant or '?'}" + ("" if fault.number is None else f", entry {fault.number}")
