"""`lethe requests`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from client.cli.context import JsonFlag, connect, out, print_json

if TYPE_CHECKING:
    from client.models import Request

app = typer.Typer(help="Requests of data subjects.", invoke_without_command=True)
Reason = Annotated[str, typer.Option(help="Why. It is encrypted, and erased with the request's jobs.")]
RequestId = Annotated[str, typer.Argument(help="Id of a request (req_...).")]


@app.callback()
def list_requests(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="open, settled, rejected or withdrawn.")] = None,
    due_in_days: Annotated[float | None, typer.Option(help="Only those due within so many days.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    json: JsonFlag = False,
) -> None:
    """List requests, newest first."""
    from client.cli.tables import show_rows

    if context.invoked_subcommand is not None:
        return
    before = None if due_in_days is None else datetime.now(UTC) + timedelta(days=due_in_days)
    with connect(context) as client:
        found = list(islice(client.requests.list(status=status, due_before=before), limit))
    if json:
        print_json(found)
    else:
        show_rows(out(), ("id", "status", "met", "due_at", "external_id"), found)


@app.command("get")
def get(context: typer.Context, request_id: RequestId, json: JsonFlag = False) -> None:
    """Show a request with its jobs."""
    with connect(context) as client:
        _show(client.requests.get(request_id), json)


@app.command("extend")
def extend(
    context: typer.Context,
    request_id: RequestId,
    reason: Reason,
    months: Annotated[int, typer.Option(min=1, max=2, help="Further months under GDPR; CCPA has 45 days.")] = 2,
    json: JsonFlag = False,
) -> None:
    """Extend the period, once and before it is over."""
    with connect(context) as client:
        _show(client.requests.extend(request_id, reason, months=1 if months == 1 else 2), json)


@app.command("settle")
def settle(context: typer.Context, request_id: RequestId, reason: Reason, json: JsonFlag = False) -> None:
    """Settle by hand a request whose jobs did not all pass."""
    with connect(context) as client:
        _show(client.requests.settle(request_id, reason), json)


@app.command("reject")
def reject(context: typer.Context, request_id: RequestId, reason: Reason, json: JsonFlag = False) -> None:
    """Refuse a request."""
    with connect(context) as client:
        _show(client.requests.reject(request_id, reason), json)


@app.command("withdraw")
def withdraw(context: typer.Context, request_id: RequestId, json: JsonFlag = False) -> None:
    """The subject takes the request back: what has not ended is cancelled."""
    with connect(context) as client:
        _show(client.requests.withdraw(request_id), json)


def _show(request: Request, json: bool) -> None:
    from client.cli.tables import show_mapping, show_rows

    if json:
        print_json(request)
        return
    shown = request.model_dump(include={"id", "status", "met", "regulation", "external_id", "reasons", "same_subject"})
    dates = {name: getattr(request, name) for name in ("received_at", "due_at", "extended_at", "ended_at")}
    show_mapping(out(), {**shown, **{name: at.isoformat() for name, at in dates.items() if at}})
    show_rows(out(), ("id", "model", "method", "status", "verdict"), request.jobs)
