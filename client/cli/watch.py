"""`lethe watch`."""

from __future__ import annotations

import json as jsonlib

import typer

from client.cli import exits
from client.cli.context import JobId, JsonFlag, connect, out


def watch(context: typer.Context, job_id: JobId, json: JsonFlag = False) -> None:
    """Follow a job to its end and exit by its verdict. With --json: one event a line."""
    from client.cli.progress import follow
    from client.cli.tables import show_job

    with connect(context) as client:
        job = client.jobs.get(job_id)
        if json:
            for event in job.events():
                typer.echo(jsonlib.dumps(event.model_dump(mode="json"), ensure_ascii=False))
            job.wait()
        else:
            follow(job)
            show_job(out(), job)
    raise typer.Exit(exits.for_job(job))
