"""`lethe models` and `lethe methods`."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated

import typer

from client.cli import model_check, prepare
from client.cli.context import JsonFlag, connect, out, print_json
from client.cli.exits import USAGE, CommandError

models_app = typer.Typer(help="The models that jobs may name.", invoke_without_command=True)


@models_app.callback()
def models(context: typer.Context, json: JsonFlag = False) -> None:
    """List the models that jobs may name."""
    from client.cli.tables import show_rows

    if context.invoked_subcommand is not None:
        return
    with connect(context) as client:
        registered = list(client.models.list())
    if json:
        print_json(registered)
    else:
        show_rows(out(), ("id", "family", "source", "retain_set"), registered)


@models_app.command("get")
def get_model(context: typer.Context, model_id: str, json: JsonFlag = False) -> None:
    """Show one model."""
    from client.cli.tables import show_mapping

    with connect(context) as client:
        model = client.models.get(model_id)
    if json:
        print_json(model)
    else:
        show_mapping(out(), model.model_dump(mode="json"))


@models_app.command("register")
def register_model(
    context: typer.Context,
    model_id: Annotated[str, typer.Argument(metavar="ID", help="The name that jobs will use.")],
    source: Annotated[str, typer.Option(help="A folder on the server inside its model roots, or owner/name.")],
    family: Annotated[
        str, typer.Option(help="Kind of model: one of the families that `lethe methods` lists.")
    ] = "mllm",
    revision: Annotated[str | None, typer.Option(help="The commit of a hub model.")] = None,
    retain_set: Annotated[str | None, typer.Option(help="A retain set folder on the server.")] = None,
    defaults: Annotated[str | None, typer.Option(help="Default method options, as a JSON object.")] = None,
    json: JsonFlag = False,
) -> None:
    """Make a model known (docs/how-to/register_model.md)."""
    try:
        parsed = jsonlib.loads(defaults) if defaults else {}
    except ValueError as error:
        raise CommandError(f"--defaults is not JSON: {error}", USAGE) from None
    with connect(context) as client:
        model = client.models.register(
            model_id, family=family, source=source, revision=revision, retain_set=retain_set, defaults=parsed
        )
    if json:
        print_json(model)
    else:
        typer.echo(f"{model.id} is registered")


models_app.command("check")(model_check.check_model)
models_app.command("prepare")(prepare.prepare_model)


def methods(context: typer.Context, json: JsonFlag = False) -> None:
    """List the unlearning methods. With --json: their options too."""
    from client.cli.tables import show_rows

    with connect(context) as client:
        catalogue = list(client.methods.list())
    if json:
        print_json(catalogue)
    else:
        show_rows(out(), ("name", "families", "paper"), catalogue)
