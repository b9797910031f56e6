"""`lethe serve`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from client.cli.exits import CommandError


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8000,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept. [default: ./lethe-data]")] = None,
    worker: Annotated[bool, typer.Option(help="Start a worker beside the API.")] = True,
) -> None:
    """Start the API, and a worker beside it, on this machine. No other server is needed."""
    if worker and find_spec("torch") is None:
        raise CommandError(
            "a worker needs the model libraries: `pip install 'lethe-unlearning[worker]'`; "
            "or serve without one: --no-worker"
        )
    data_dir = data_dir or context.obj.data_dir
    command = [sys.executable, "-m", "api", "--host", host, "--port", str(port)]
    command += ["--data-dir", str(data_dir)] if data_dir else []
    command += [] if worker else ["--no-worker"]
    if os.name == "nt":
        raise typer.Exit(subprocess.call(command))  # noqa: S603 - our own interpreter and module
    os.execv(command[0], command)  # noqa: S606 - signals then reach the server itself
