"""What is said of a job that a command has just made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from client.cli import exits
from client.cli.context import out, print_json, say

if TYPE_CHECKING:
    from client.resources.jobs import Job


def started(job: Job, *, wait: bool, json: bool) -> None:
    """Its id; with `wait` its evaluation once it is done, and the exit status by its verdict."""
    from client.cli.progress import follow
    from client.cli.tables import show_job

    if wait:
        if not json:
            say(job.id)
        follow(job)
    if json:
        print_json(job)
    elif wait:
        show_job(out(), job)
    else:
        typer.echo(job.id)
        say(f"queued; follow it with: lethe watch {job.id}")
    if wait:
        raise typer.Exit(exits.of_job(job))
