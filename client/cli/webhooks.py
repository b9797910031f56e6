"""`lethe webhooks`."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from client.cli.context import JsonFlag, connect, out, print_json, say

app = typer.Typer(help="URLs that are told what happens to jobs.", no_args_is_help=True)

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The id of a webhook (whk_...).")]
_SHOWN = ("id", "url", "events", "status", "consecutive_failures", "description")


@app.command("add")
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="An https URL.")],
    event: Annotated[
        list[str] | None, typer.Option(help="Only this type, e.g. job.succeeded. Repeatable; default: all.")
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    json: JsonFlag = False,
) -> None:
    """Add a webhook. Its signing secret is printed once and never again."""
    with connect(context) as client:
        webhook = client.webhooks.create(url, events=event or None, description=description)
    if json:
        print_json(webhook)
        return
    typer.echo(webhook.secret)
    say(f"{webhook.id}: keep the secret above; it is not shown again")


@app.command("list")
def list_webhooks(context: typer.Context, json: JsonFlag = False) -> None:
    """List the webhooks, newest first."""
    from client.cli.tables import show_rows

    with connect(context) as client:
        webhooks = list(client.webhooks.list())
    if json:
        print_json(webhooks)
    else:
        show_rows(out(), _SHOWN, webhooks)


@app.command("remove")
def remove(context: typer.Context, webhook_id: WebhookId) -> None:
    """Send nothing there any more."""
    with connect(context) as client:
        client.webhooks.delete(webhook_id)
    say(f"{webhook_id} is removed")


@app.command("rotate-secret")
def rotate_secret(
    context: typer.Context,
    webhook_id: WebhookId,
    overlap_hours: Annotated[float, typer.Option(min=0, max=168, help="So long the old secret signs too.")] = 24.0,
    json: JsonFlag = False,
) -> None:
    """Make a new signing secret. It is printed once and never again."""
    with connect(context) as client:
        webhook = client.webhooks.rotate_secret(webhook_id, overlap_hours=overlap_hours)
    if json:
        print_json(webhook)
        return
    typer.echo(webhook.secret)
    say(f"{webhook.id}: keep the secret above; it is not shown again")


@app.command("deliveries")
def deliveries(
    context: typer.Context,
    webhook_id: WebhookId,
    status: Annotated[str | None, typer.Option(help="pending, delivered or failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    json: JsonFlag = False,
) -> None:
    """List what was and will be sent, newest first. With --json: every attempt too."""
    from client.cli.tables import show_deliveries

    with connect(context) as client:
        pages = client.webhooks.deliveries(webhook_id, status=status, page_size=min(limit, 100))
        page = list(islice(pages, limit))
    if json:
        print_json(page)
    else:
        show_deliveries(out(), page)


@app.command("redeliver")
def redeliver(
    context: typer.Context,
    webhook_id: WebhookId,
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY", help="The id of a delivery (whd_...).")],
    json: JsonFlag = False,
) -> None:
    """Send a delivery again now."""
    with connect(context) as client:
        delivery = client.webhooks.redeliver(webhook_id, delivery_id)
    if json:
        print_json(delivery)
    else:
        say(f"{delivery.id} will be sent again")
