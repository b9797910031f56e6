"""The learning-rate schedule of every training."""

from __future__ import annotations

from collections.abc import Callable

_FLOOR = 0.02


def schedule(steps: int, *, warmup: int, flat: float) -> Callable[[int], float]:
    """Linear warm-up, full rate up to the fraction `flat` of all steps, then linear down to 2 %."""

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        left = (steps - step) / max(1.0, steps * (1 - flat))
        return max(_FLOOR, min(1.0, left))

    return factor
