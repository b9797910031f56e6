"""How far a job is, as one number over all its phases."""

from __future__ import annotations

from core.unlearning.types import Phase

PLAN: tuple[tuple[Phase, float], ...] = (
    ("validating", 0.01),
    ("loading", 0.04),
    ("evaluating", 0.12),
    ("training", 0.50),
    ("sculpting", 0.13),
    ("packaging", 0.02),
    ("evaluating", 0.16),
    ("packaging", 0.02),
)
"""The phases in the order in which they come, each with its usual share of the time."""


class Fraction:
    """Never goes down. A phase out of the plan's order, or entered again, stays where the job already is."""

    def __init__(self, reached: float = 0.0) -> None:
        self._place = -1
        self._step = 0
        self._total: int | None = None
        self.value = reached

    def enter(self, phase: Phase, total_steps: int | None, done: int = 0) -> None:
        """Begin a phase of `total_steps` steps, where known, of which some are `done` already."""
        ahead = range(max(self._place, 0), len(PLAN))
        self._place = next((i for i in ahead if PLAN[i][0] == phase), max(self._place, 0))
        self._step, self._total = done, total_steps
        self._raise()

    def step(self) -> None:
        """One step of the phase is done."""
        self._step += 1
        self._raise()

    def _raise(self) -> None:
        before = sum(share for _, share in PLAN[: self._place])
        done = min(self._step / self._total, 1.0) if self._total else 0.0
        self.value = max(self.value, min(before + done * PLAN[self._place][1], 1.0))
