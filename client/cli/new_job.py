"""What a command prints about the job that it has just created."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from client.cli import exits
from client.cli.context import out, print_json, say

if TYPE_CHECKING:
    from client.job import Job


def show_new_job(job: Job, *, wait: bool, json: bool) -> None:
    """Print the id. With `wait`: follow the job, print its evaluation and exit with the status of its verdict."""
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
        raise typer.Exit(exits.for_job(job))
