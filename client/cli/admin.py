"""`lethe admin`: work on the server's own machine, past the API."""

from __future__ import annotations

import os
import subprocess
import sys

import typer

PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def admin(context: typer.Context) -> None:
    """Look after a server, on its own machine: audit log, keys, retention; see `lethe admin --help`."""
    data_dir = context.obj.data_dir
    command = [sys.executable, "-m", "api.admin", *(["--data-dir", str(data_dir)] if data_dir else []), *context.args]
    if os.name == "nt":
        raise typer.Exit(subprocess.call(command))  # noqa: S603 - our own interpreter and module
    os.execv(command[0], command)  # noqa: S606 - its exit status is ours
