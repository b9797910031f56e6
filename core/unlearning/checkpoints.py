"""Named blobs that a long job saves so that another process can resume it. Free of torch."""

from __future__ import annotations

from typing import Protocol


class Checkpoints(Protocol):
    """Named pieces of one job. Losing one costs time and nothing else, so neither call raises for a store's sake."""

    def load(self, name: str) -> bytes | None:
        """The piece as it was last kept, by whichever attempt; None where there is none."""

    def save(self, name: str, data: bytes) -> None:
        """Keep a piece in place of an older one of that name."""

    def due(self) -> bool:
        """Whether it is time to keep something between two phases' ends.

        While the job is being stopped: whether somebody is going to go on with it.
        """


class NoCheckpoints:
    """Nothing is put aside."""

    def load(self, name: str) -> bytes | None:  # noqa: ARG002 (as in `Checkpoints`)
        """Nothing."""
        return None

    def save(self, name: str, data: bytes) -> None:
        """Ignored."""

    def due(self) -> bool:
        """Never."""
        return False


NO_CHECKPOINTS = NoCheckpoints()
