"""`lethe get`, `list`, `cancel`, `retry`, `sculpt`, `delete`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from client.cli import exits
from client.cli.context import JobId, JsonFlag, connect, out, print_json, say

if TYPE_CHECKING:
    from client.job import Job


def get(context: typer.Context, job_id: JobId, json: JsonFlag = False) -> None:
    """Show a job."""
    with connect(context) as client:
        _show(client.jobs.get(job_id), json)


def list_jobs(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed or cancelled.")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    verdict: Annotated[str | None, typer.Option(help="passed or failed.")] = None,
    external_id: Annotated[str | None, typer.Option(help="The job of your own id.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    json: JsonFlag = False,
) -> None:
    """List jobs, newest first."""
    from client.cli.tables import show_jobs

    with connect(context) as client:
        size = min(limit, 100)
        pages = client.jobs.list(status=status, model=model, verdict=verdict, external_id=external_id, page_size=size)
        jobs = list(islice(pages, limit))
    if json:
        print_json(jobs)
    else:
        show_jobs(out(), jobs)


def cancel(context: typer.Context, job_id: JobId, json: JsonFlag = False) -> None:
    """Stop a job. A running one stops within one step."""
    with connect(context) as client:
        _show(client.jobs.cancel(job_id), json)


def retry(context: typer.Context, job_id: JobId, json: JsonFlag = False) -> None:
    """Start the next attempt of a failed job."""
    with connect(context) as client:
        _show(client.jobs.retry(job_id), json)


def sculpt(
    context: typer.Context,
    job_id: JobId,
    k: Annotated[float | None, typer.Option(help="One k for both views; larger forgets more.")] = None,
    k_image: Annotated[float | None, typer.Option(help="k of the image-and-text view.")] = None,
    k_text: Annotated[float | None, typer.Option(help="k of the text-only view.")] = None,
    utility_floor: Annotated[float | None, typer.Option(help="Choose k: the least utility kept, 0 to 1.")] = None,
    json: JsonFlag = False,
) -> None:
    """Choose k again for a succeeded job, from its recipe alone. Makes a new job."""
    if not any(value is not None for value in (k, k_image, k_text, utility_floor)):
        raise exits.CommandError("pass --k, --k-image and --k-text, or --utility-floor", exits.USAGE)
    with connect(context) as client:
        job = client.jobs.sculpt(job_id, k=k, k_image=k_image, k_text=k_text, utility_floor=utility_floor)
        _show(job, json)


def delete(context: typer.Context, job_id: JobId) -> None:
    """Erase a job's inputs and artefacts now. A record that it was stays."""
    with connect(context) as client:
        client.jobs.delete(job_id)
    say(f"{job_id}: inputs and artefacts are erased")


def _show(job: Job, json: bool) -> None:
    from client.cli.tables import show_job

    if json:
        print_json(job)
    else:
        show_job(out(), job)
