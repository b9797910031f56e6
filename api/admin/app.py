"""The commands of `lethe admin`, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.admin import audit, database, keys, purge
from api.admin.context import settings_for

app = typer.Typer(
    name="admin",
    help="Look after a server, on its machine and with its settings (LETHE_*).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)


@app.callback()
def installation(
    context: typer.Context,
    data_dir: Annotated[Path | None, typer.Option(help="The server's data folder. [env: LETHE_DATA_DIR]")] = None,
) -> None:
    """Look after a server, on its machine and with its settings (LETHE_*)."""
    context.obj = settings_for(data_dir)


app.command("migrate")(database.migrate)
app.command("purge")(purge.purge)
app.command("rotate-master-key")(keys.rotate_master_key)
app.command("rotate-signing-key")(keys.rotate_signing_key)
app.command("withdraw-signing-key")(keys.withdraw_signing_key)
app.add_typer(audit.app, name="audit")
