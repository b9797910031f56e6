"""Relearn time (Golatkar et al., 2020; Tarun et al., 2023): training steps until forgotten samples are learned again.

Like every number here it is read beside the reference's: a model that never learned the samples needs so long too.
"""

from __future__ import annotations

from collections.abc import Iterable


def relearn_time(losses: Iterable[float], target: float) -> int | None:
    """Steps of training until the loss on the forgotten samples is down to `target`; None if it never is.

    `losses`: before the first step, then after each. A generator that trains between two of them is stopped in time.
    """
    return next((step for step, loss in enumerate(losses) if loss <= target), None)
