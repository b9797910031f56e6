"""`lethe keys`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from client.cli.context import JsonFlag, connect, out, print_json, say

if TYPE_CHECKING:
    from client.models import NewApiKey

app = typer.Typer(help="API keys.", invoke_without_command=True)


@app.callback()
def list_keys(context: typer.Context, json: JsonFlag = False) -> None:
    """List the API keys."""
    from client.cli.tables import show_rows

    if context.invoked_subcommand is not None:
        return
    with connect(context) as client:
        keys = list(client.keys.list())
    if json:
        print_json(keys)
    else:
        show_rows(out(), ("id", "name", "scopes", "expires_at", "revoked_at"), keys)


@app.command("create")
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[list[str], typer.Option(help="What it may do, e.g. jobs:read. Repeatable.")],
    days: Annotated[int | None, typer.Option(min=1, help="It ends after so many days.")] = None,
    json: JsonFlag = False,
) -> None:
    """Make a key. Its secret is printed once and never again."""
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    with connect(context) as client:
        key = client.keys.create(name, scopes=scope, expires_at=expires_at)
    _show_once(key, json)


@app.command("rotate")
def rotate(
    context: typer.Context,
    key_id: str,
    overlap_hours: Annotated[float, typer.Option(min=0, max=720, help="The old key goes on for so long.")] = 24.0,
    json: JsonFlag = False,
) -> None:
    """Make a key in place of another. Its secret is printed once and never again."""
    with connect(context) as client:
        key = client.keys.rotate(key_id, overlap_seconds=int(overlap_hours * 3600))
    _show_once(key, json)


@app.command("revoke")
def revoke(context: typer.Context, key_id: str) -> None:
    """End a key now."""
    with connect(context) as client:
        client.keys.revoke(key_id)
    say(f"{key_id} is revoked")


def _show_once(key: NewApiKey, json: bool) -> None:
    if json:
        print_json(key)
        return
    typer.echo(key.secret)
    say(f"{key.id}: keep the secret above; it is not shown again")
