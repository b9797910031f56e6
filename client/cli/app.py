"""The commands of `lethe`, by name. Modules that a command needs are imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from client.cli import (
    admin,
    audit,
    bench,
    catalogue,
    consolidate,
    context,
    download,
    jobs,
    keys,
    reference,
    report,
    requests,
    serve,
    submit,
    verify,
    watch,
    webhooks,
)
from client.cli.demo import command

app = typer.Typer(
    name="lethe",
    help="Make generative and multimodal models forget on request.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def connection(
    context_: typer.Context,
    url: Annotated[str | None, typer.Option(help="The server. [env: LETHE_URL]")] = None,
    api_key: Annotated[str | None, typer.Option(help="An API key (lk_...). [env: LETHE_API_KEY]")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The data folder of a local server, to find its key. [env: LETHE_DATA_DIR]")
    ] = None,
) -> None:
    """Make generative and multimodal models forget on request."""
    context_.obj = context.Connection(url, api_key, data_dir)


app.command("demo")(command.demo)
app.command("serve")(serve.serve)
app.command("submit")(submit.submit)
app.command("watch")(watch.watch)
app.command("get")(jobs.get)
app.command("list")(jobs.list_jobs)
app.command("cancel")(jobs.cancel)
app.command("retry")(jobs.retry)
app.command("sculpt")(jobs.sculpt)
app.command("consolidate")(consolidate.consolidate)
app.command("delete")(jobs.delete)
app.command("download")(download.download)
app.command("verify")(verify.verify)
app.command("report")(report.report)
app.command("admin", context_settings=admin.PASS_ON)(admin.admin)
app.command("audit")(audit.audit)
app.command("methods")(catalogue.methods)
app.add_typer(requests.app, name="requests")
app.add_typer(catalogue.models_app, name="models")
app.add_typer(bench.app, name="bench")
app.add_typer(keys.app, name="keys")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(reference.app, name="reference")
