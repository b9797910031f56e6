"""A job as the SDK hands it out: its state, with the calls that can be made on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import PrivateAttr

from client.models import Artifact, Event, JobState

if TYPE_CHECKING:
    from client.resources.jobs import Jobs


class Job(JobState):
    """The state of a job when the server was last asked. A call that changes the job updates the fields in place."""

    _jobs: Jobs = PrivateAttr()

    @classmethod
    def bind(cls, jobs: Jobs, body: dict[str, Any]) -> Self:
        """The job in an answer of the server."""
        job = cls.model_validate(body)
        job._jobs = jobs
        return job

    def refresh(self) -> Self:
        """Ask the server for the state again."""
        return self._update_from(self._jobs.get(self.id))

    def wait(self, *, timeout: float | None = None, on_update: Callable[[Job], None] | None = None) -> Self:
        """Return when the job is done, whatever its end. Raises `JobTimeoutError` after `timeout` seconds."""
        return self._update_from(self._jobs.wait(self.id, timeout=timeout, on_update=on_update))

    def events(self, *, after: int = 0) -> Iterator[Event]:
        """Events as they happen, until the job is done."""
        return self._jobs.events(self.id, after=after)

    def cancel(self) -> Self:
        """Ask it to stop; a running job stops within one step."""
        return self._update_from(self._jobs.cancel(self.id))

    def retry(self) -> Self:
        """Start the next attempt of a failed job."""
        return self._update_from(self._jobs.retry(self.id))

    def sculpt(
        self,
        *,
        k: float | None = None,
        k_image: float | None = None,
        k_text: float | None = None,
        utility_floor: float | None = None,
    ) -> Job:
        """A new job that sculpts the patch again; see `Jobs.sculpt`."""
        return self._jobs.sculpt(self.id, k=k, k_image=k_image, k_text=k_text, utility_floor=utility_floor)

    def delete(self) -> None:
        """Erase its inputs and artefacts now."""
        self._jobs.delete(self.id)

    def download(self, path: str | Path = "patch.zip", *, accept_failed: bool = False) -> Path:
        """Save the patch, checked against its digest. A verdict of `failed` raises unless `accept_failed`."""
        return self._jobs.download(self.id, path, accept_failed=accept_failed)

    def list_artifacts(self) -> list[Artifact]:
        """The files that the job made."""
        return self._jobs.artifacts(self.id)

    def report(self) -> dict[str, Any]:
        """The evaluation report."""
        return self._jobs.report(self.id)

    def report_html(self) -> str:
        """The report as one self-contained page."""
        return self._jobs.report_html(self.id)

    def certificate(self) -> dict[str, Any]:
        """The signed record of what was done."""
        return self._jobs.certificate(self.id)

    def _update_from(self, other: Job) -> Self:
        self.__dict__.update(other.__dict__)
        object.__setattr__(self, "__pydantic_extra__", other.__pydantic_extra__)
        return self
