"""`lethe audit`."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Annotated

import typer

from client.cli.context import JsonFlag, connect, out, print_json

_COLUMNS = ("number", "at", "actor", "action", "resource", "details")


def audit(
    context: typer.Context,
    action: Annotated[str | None, typer.Option(help="E.g. job.created.")] = None,
    resource: Annotated[str | None, typer.Option(help="The id of a job, key, file or model.")] = None,
    actor: Annotated[str | None, typer.Option(help="The id of an API key, or system.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Not older than this.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    json: JsonFlag = False,
) -> None:
    """Who did what, newest first."""
    from client.cli.tables import show_rows

    start = since.astimezone() if since else None
    with connect(context) as client:
        pages = client.audit.list(action=action, resource=resource, actor=actor, since=start, page_size=min(limit, 100))
        entries = list(islice(pages, limit))
    if json:
        print_json(entries)
    else:
        show_rows(out(), _COLUMNS, entries)
