"""A gate at which jobs wait, where a test wants them: in a phase, or after a step of it, for as long as the test likes.

The test says where in a file; the worker, which is `gated_worker` then, says in another which job has arrived.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "TEST_GATE"
"""The environment variable that tells a process of the gate's folder."""


class Gate:
    """Open until `hold`. One folder may hold the jobs of any number of workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Gate:
        """The gate of a process."""
        return cls(Path(environment[VARIABLE]))

    def environment(self) -> dict[str, str]:
        """What tells a process of it."""
        return {VARIABLE: str(self._folder)}

    def hold(self, phase: str, step: int = 0) -> None:
        """From now on jobs wait in this phase, once they have made so many steps of it; those elsewhere go on."""
        self._write("place", f"{phase} {step}")

    def open(self) -> None:
        """Nobody waits any longer."""
        (self._folder / "place").unlink(missing_ok=True)

    def stops(self, phase: str | None, step: int) -> str | None:
        """The gate's place, where a job that has come so far has to wait."""
        place = self._read("place")
        held_in, _, after = place.partition(" ")
        return place if place and phase == held_in and step >= int(after) else None

    def arrive(self, job_id: str, attempt: int, place: str) -> None:
        """Said by a worker: this attempt waits at the place."""
        self._write(job_id, f"{attempt} {place}")

    def holds(self, job_id: str, attempt: int) -> bool:
        """Whether this attempt waits where the gate is now."""
        return self._read(job_id) == f"{attempt} {self._read('place')}"

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text()
        except FileNotFoundError:
            return ""

    def _write(self, name: str, text: str) -> None:
        draft = self._folder / f"{name}.{os.getpid()}"
        draft.write_text(text)
        draft.rename(self._folder / name)
