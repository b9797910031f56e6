"""A progress bar, drawn from the events of a job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from client.cli.context import err, say
from core.job_states import JobStatus

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from client.job import Job
    from client.models import Event


@dataclass
class JobDisplay:
    """What the bar shows of a job, as its events tell it."""

    phase: str = JobStatus.QUEUED
    step: int = 0
    total: int | None = None
    fraction: float = 0.0
    loss: float | None = None
    eta: datetime | None = None

    def update(self, event: Event) -> None:
        """Take the next event into account."""
        data = event.data
        if event.type == "status":
            self.phase = str(data.get("phase") or data.get("status") or self.phase)
            self.step, self.total, self.eta = 0, None, None
            if data.get("status") in (JobStatus.QUEUED, JobStatus.RUNNING):
                self.fraction, self.loss = 0.0, None
        if event.type == "progress":
            self._progress(data)

    def _progress(self, data: dict[str, Any]) -> None:
        if data.get("phase") not in (None, self.phase):
            self.phase, self.step, self.total = str(data["phase"]), 0, None
        self.step = int(data.get("step") or 0)
        self.total = data.get("total_steps")
        self.fraction = max(self.fraction, float(data.get("fraction") or 0.0))
        self.loss = data.get("loss") if data.get("loss") is not None else self.loss
        self.eta = _time(data.get("eta_at"))

    @property
    def steps(self) -> str:
        """`12/90`; empty where the number of steps is not known."""
        return f"{self.step}/{self.total}" if self.total else ""

    @property
    def detail(self) -> str:
        """Loss and remaining time, as far as known."""
        loss = f"loss {self.loss:.3f}" if self.loss is not None else ""
        remaining = f"{_clock((self.eta - datetime.now(UTC)).total_seconds())} left" if self.eta else ""
        return "  ".join(part for part in (loss, remaining) if part)


def follow(job: Job) -> None:
    """Draw a job on standard error until it is done. Where that is no terminal: a line for each phase."""
    console = err()
    if console.is_terminal:
        _draw(job)
    else:
        _follow(job, _lines(say))
    job.refresh()


def _draw(job: Job) -> None:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<11}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[steps]}"),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err(), transient=False) as bar:
        task = bar.add_task(JobStatus.QUEUED, total=1.0, steps="", detail="")
        _follow(job, lambda display: _update(bar, task, display))


def _update(bar: Progress, task: TaskID, display: JobDisplay) -> None:
    steps, detail = display.steps, display.detail
    bar.update(task, description=display.phase, completed=display.fraction, steps=steps, detail=detail)


def _follow(job: Job, show: Callable[[JobDisplay], None]) -> None:
    display, after = JobDisplay(), 0
    while True:
        for event in job.events(after=after):
            after = event.seq
            display.update(event)
            if display.phase == JobStatus.SUCCEEDED:
                display.fraction = 1.0
            show(display)
        # The log of a job that was retried goes on after its first end.
        if job.refresh().done:
            return


def _lines(say: Callable[[str], None]) -> Callable[[JobDisplay], None]:
    shown: list[str] = []

    def show(display: JobDisplay) -> None:
        if not shown or shown[-1] != display.phase:
            shown.append(display.phase)
            say(f"{display.phase} ({display.fraction:.0%})")

    return show


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
