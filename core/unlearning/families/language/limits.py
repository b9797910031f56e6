"""How many rows are built from a request, by level of evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from core.unlearning.types import Level, Part


@dataclass(frozen=True)
class Limits:
    """Upper bounds on rows, so that a job's time is bounded whatever the request brings."""

    forget: int
    """Training rows to forget, for each view."""
    keep: int
    """Training rows of each split to keep."""
    validation: int
    """Rows of each validation split."""
    test: int
    """Rows of each test split."""

    def forget_rows(self, part: Part) -> int:
        """Rows of a forget split in that part."""
        return {"train": self.forget, "validation": self.validation, "test": self.test}[part]

    def other_rows(self, part: Part) -> int:
        """Rows of any other split in that part."""
        return {"train": self.keep, "validation": self.validation, "test": self.test}[part]

    def split_between(self, shares: int) -> Limits:
        """The bounds of each of `shares` equal shares."""
        return Limits(*(max(1, bound // shares) for bound in (self.forget, self.keep, self.validation, self.test)))


BY_LEVEL: dict[Level, Limits] = {
    "quick": Limits(forget=120, keep=120, validation=32, test=48),
    "standard": Limits(forget=320, keep=240, validation=48, test=96),
    "thorough": Limits(forget=960, keep=600, validation=128, test=960),
}
