"""Work that is waited for only so long."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread


class Timely:
    """Runs `work` in a thread of its own.

    While a call is under way no other is begun: whatever is stuck takes one thread and no more.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._lock = Lock()
        self._running: Future[object] | None = None

    def start(self) -> Future[object]:
        """What the call that is under way will give. Waiting for it raises what the work raises."""
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                Thread(target=self._run, args=(self._running,), name="timely", daemon=True).start()
            return self._running

    def _run(self, running: Future[object]) -> None:
        try:
            running.set_result(self._work())
        except Exception as error:
            running.set_exception(error)
