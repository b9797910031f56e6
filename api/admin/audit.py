"""`lethe admin audit`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from api.admin.context import JsonFlag, open_services, print_json
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
    with open_services(context) as services:
        result = audit.verify(services)
    if json:
        print_json({"ok": result.ok, **asdict(result)})
    else:
        _show(result)
    raise typer.Exit(0 if result.ok else 1)


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
    with open_services(context) as services, services.db.read() as session:
        entries = requests_about(session, tenant, name)
        rows = [{"job": entry.resource, "at": entry.at.isoformat(), "actor": entry.actor} for entry in entries]
    if json:
        print_json({"requests": rows})
        return
    for row in rows:
        typer.echo(f"{row['at']}  {row['job']}  by {row['actor']}")
    typer.echo(f"{len(rows)} requests")


def _show(result: AuditVerification) -> None:
    for fault in result.faults:
        typer.echo(f"FAULT  {_place(fault)}: {fault.problem}")
    checked = f"{result.entries} entries in {result.tenants} chains, {result.anchors} anchors"
    typer.echo(f"the log is whole: {checked}" if result.ok else f"{len(result.faults)} faults; looked at {checked}")


def _place(fault: AuditFault) -> str:
    return f"tenant {fault.tenant or '?'}" + ("" if fault.number is None else f", entry {fault.number}")
