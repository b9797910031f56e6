"""`lethe consolidate`."""

from __future__ import annotations

from typing import Annotated

import typer

from client.cli.context import JsonFlag, connect
from client.cli.new_job import show_new_job
from client.cli.request import pair


def consolidate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A registered model.")],
    job: Annotated[
        list[str] | None, typer.Option(help="A job whose patch is taken. Repeatable. Without: every request's newest.")
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="An option, name=value. Repeatable.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="Makes repeating this command safe.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the job is done; exit by verdict.")] = False,
    json: JsonFlag = False,
) -> None:
    """Put the patches of a model's jobs together in one. Makes a new job."""
    options = dict(pair(text) for text in option or [])
    with connect(context) as client:
        new_job = client.models.consolidate(model, job or None, options=options, idempotency_key=idempotency_key)
        show_new_job(new_job, wait=wait, json=json)
