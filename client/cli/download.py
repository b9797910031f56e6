"""`lethe download`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from client.cli.context import JobId, JsonFlag, connect, err, print_json


def download(
    context: typer.Context,
    job_id: JobId,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to save it.")] = Path("patch.zip"),
    artifact: Annotated[str | None, typer.Option(help="Another artefact than the patch, by name.")] = None,
    accept_failed: Annotated[bool, typer.Option("--accept-failed", help="Even when the verdict is failed.")] = False,
    json: JsonFlag = False,
) -> None:
    """Save the patch of a job, checked against the server's digest."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with connect(context) as client, Progress(*columns, console=err(), transient=True) as bar:
        task = bar.add_task(output.name, total=None)
        client.jobs.download(
            job_id,
            output,
            artifact=artifact,
            accept_failed=accept_failed,
            on_bytes=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if json:
        print_json({"path": str(output), "bytes": output.stat().st_size})
    else:
        typer.echo(f"{output} ({output.stat().st_size:,} bytes); check it with: lethe verify {output}")
