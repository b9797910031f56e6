"""The moving bar: what a job's events say, drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from client.cli.context import err, say
from core.job_states import JobStatus

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from client.models import Event
    from client.resources.jobs import Job


@dataclass
class Picture:
    """What is known of a running job from its events."""

    phase: str = JobStatus.QUEUED
    step: int = 0
    total: int | None = None
    fraction: float = 0.0
    loss: float | None = None
    eta: datetime | None = None

    def take(self, event: Event) -> None:
        """One more event."""
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
        """`12/90`, or nothing where steps are not counted."""
        return f"{self.step}/{self.total}" if self.total else ""

    @property
    def detail(self) -> str:
        """Loss and what is left, where known."""
        loss = f"loss {self.loss:.3f}" if self.loss is not None else ""
        left = f"{_clock((self.eta - datetime.now(UTC)).total_seconds())} left" if self.eta else ""
        return "  ".join(part for part in (loss, left) if part)


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
        _follow(job, lambda picture: _update(bar, task, picture))


def _update(bar: Progress, task: TaskID, picture: Picture) -> None:
    steps, detail = picture.steps, picture.detail
    bar.update(task, description=picture.phase, completed=picture.fraction, steps=steps, detail=detail)


def _follow(job: Job, show: Callable[[Picture], None]) -> None:
    picture, after = Picture(), 0
    while True:
        for event in job.events(after=after):
            after = event.seq
            picture.take(event)
            if picture.phase == JobStatus.SUCCEEDED:
                picture.fraction = 1.0
            show(picture)
        # The log of a job that was retried goes on after its first end.
        if job.refresh().done:
            return


def _lines(say: Callable[[str], None]) -> Callable[[Picture], None]:
    seen: list[str] = []

    def show(picture: Picture) -> None:
        if not seen or seen[-1] != picture.phase:
            seen.append(picture.phase)
            say(f"{picture.phase} ({picture.fraction:.0%})")

    return show


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _clock(seconds: float) -> str:
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
