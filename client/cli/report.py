"""`lethe report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from client.cli.context import JobId, JsonFlag, connect, out, print_json, say
from client.cli.exits import CommandError
from core.job_states import JobStatus


def report(
    context: typer.Context,
    job_id: JobId,
    html: Annotated[Path | None, typer.Option(help="Save the whole report as one page.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="Save the signed record of what was done.")] = None,
    json: JsonFlag = False,
) -> None:
    """Show how well a job forgot, and what it kept (docs/how-to/read_a_report.md)."""
    from client.cli.tables import show_job

    with connect(context) as client:
        job = client.jobs.get(job_id)
        if job.status != JobStatus.SUCCEEDED:
            raise CommandError(f"{job.id} is {job.status}: only a succeeded job has a report")
        if html is not None:
            html.write_text(client.jobs.report_html(job.id), encoding="utf-8")
            say(f"saved {html}")
        if certificate is not None:
            certificate.write_bytes(client.jobs.certificate_bytes(job.id))
            say(f"saved {certificate}")
        if json:
            print_json(job.report())
        elif html is None and certificate is None:
            show_job(out(), job)
