"""Jobs and lists as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from client.cli.evaluation import show_evaluation
from core.job_states import JobStatus

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console
    from rich.text import Text

    from client.models import Delivery, JobState

_WHOLE = frozenset({"id", "status", "verdict", "method", "age", "resource"})
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_COLOUR = {
    "succeeded": "green",
    "delivered": "green",
    "passed": "green",
    "failed": "red",
    "cancelled": "yellow",
    "running": "cyan",
}


def show_job(console: Console, job: JobState) -> None:
    """One job: its state, how it ended, and its evaluation."""
    rows = {
        "job": job.id,
        "status": _coloured(job.status, f" ({job.phase})" if job.phase and not job.done else ""),
        "verdict": _coloured(job.verdict) if job.verdict else None,
        "model": job.model,
        "method": job.method,
        "your id": job.external_id,
        "request": job.request,
        "progress": None if job.done else f"{job.progress.fraction:.0%}",
        "stop asked": _time(job.cancel_requested_at) if not job.done else None,
        "due": _time(job.due_at) if job.verdict != "passed" else None,
        "took": _duration(job),
        "error": f"{job.error.message} ({job.error.code})" if job.error else None,
        "sculpted from": job.parent,
        "made of": (job.plan.get("consolidate") or {}).get("jobs"),
    }
    show_mapping(console, rows)
    if job.evaluation:
        console.print()
        show_evaluation(console, job.evaluation)


def show_jobs(console: Console, jobs: Sequence[JobState]) -> None:
    """One line for each job."""
    table = _table("id", "status", "verdict", "model", "method", "age", "your id")
    for job in jobs:
        status = _coloured(job.status, f" {job.progress.fraction:.0%}" if job.status == JobStatus.RUNNING else "")
        verdict = _coloured(job.verdict) if job.verdict else ""
        table.add_row(job.id, status, verdict, job.model, job.method, _age(job.created_at), job.external_id or "")
    console.print(table)


def show_deliveries(console: Console, deliveries: Sequence[Delivery]) -> None:
    """One line for each delivery, with the outcome of its last attempt."""
    table = _table("id", "type", "job", "status", "tries", "last", "next try")
    for one in deliveries:
        last = one.attempts[-1] if one.attempts else None
        outcome = "" if last is None else f"{last.outcome} {last.status_code or ''}".strip()
        after = _time(one.next_attempt_at) or ""
        table.add_row(one.id, one.type, one.job_id, _coloured(one.status), str(len(one.attempts)), outcome, after)
    console.print(table)


def show_rows(console: Console, columns: Sequence[str], rows: Iterable[BaseModel]) -> None:
    """One line for each item. A column that is empty for all items is left out."""
    items = [item.model_dump(mode="json") for item in rows]
    used = [column for column in columns if any(item.get(column) not in (None, "", []) for item in items)]
    table = _table(*(used or columns))
    for item in items:
        table.add_row(*(_text(item.get(column)) for column in used))
    console.print(table)


def show_mapping(console: Console, values: Mapping[str, Any]) -> None:
    """One line for each value that is not empty."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, value in values.items():
        if value not in (None, "", [], {}):
            table.add_row(Text(name, style="dim"), value if isinstance(value, Text) else _text(value))
    console.print(table)


def _table(*columns: str) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    return table


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_text(item)}" for name, item in value.items() if item is not None)
    if isinstance(value, list):
        return " ".join(_text(item) for item in value)
    return "" if value is None else str(value)


def _coloured(word: str, more: str = "") -> Text:
    from rich.text import Text

    return Text.assemble((word, _COLOUR.get(word, "")), more)


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else None


def _age(moment: datetime) -> str:
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    return f"{max(0, seconds) // size}{unit}"


def _duration(job: JobState) -> str | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return f"{(job.finished_at - job.started_at).total_seconds():.1f} s"
