"""`python -m worker`, but that its jobs wait at the gate of the test, and every step of theirs is kept when it is due.

A child of a cluster worker's pool runs this module, too, before it takes its job.
"""

from __future__ import annotations

import math
import os
import sys
import time

from core.job_states import Phase
from tests.support.gate import Gate
from worker.__main__ import main
from worker.attempt import checkpoints, runner
from worker.attempt.progress import JobProgress

LOOK_EVERY = 0.02
GATE = Gate.of(os.environ)


class GatedProgress(JobProgress):
    """Waits at the gate as a long step does: it hears whether to stop, and its lease is kept."""

    def phase(self, phase: Phase, total_steps: int | None = None, *, done: int = 0) -> None:
        super().phase(phase, total_steps, done=done)
        self._pass()

    def step(self, *, loss: float | None = None) -> None:
        super().step(loss=loss)
        self._pass()

    def _pass(self) -> None:
        arrived = None
        while place := GATE.stops(self._phase, self._step):
            if arrived != place:
                self._write_progress()
                GATE.arrive(self._claim.job_id, self._claim.attempt, place)
                arrived = place
            self.alive()
            time.sleep(LOOK_EVERY)


# On a slow disk checkpoints become rarer than the setting says.
vars(checkpoints)["SHARE"] = math.inf
vars(runner)["JobProgress"] = GatedProgress

if __name__ == "__main__":
    sys.exit(main())
