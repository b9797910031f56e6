"""How many prompts a job takes of each split, by level of evaluation. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass

from core.unlearning.types import Level


@dataclass(frozen=True)
class Limits:
    """Most prompts of each split: for training, which encodes them, and for measuring, which draws them."""

    train: int
    drawn: int


BY_LEVEL: dict[Level, Limits] = {
    "quick": Limits(train=200, drawn=12),
    "standard": Limits(train=400, drawn=32),
    "thorough": Limits(train=1000, drawn=200),
}
