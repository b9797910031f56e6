"""What a job and the process that evaluates its patch tell each other, through pipes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import IO, Any

from core.unlearning.types import Example, Level, ModelSpec


@dataclass(frozen=True)
class Start:
    """The first message: of which model, and how."""

    spec: ModelSpec
    precision: str
    threads: int
    preload: bool


@dataclass(frozen=True)
class Ask:
    """A patch, and what to measure of it."""

    adapter: str
    examples: tuple[Example, ...]
    level: Level


@dataclass(frozen=True)
class Step:
    """One step of the evaluation is done."""


@dataclass(frozen=True)
class Failure:
    """An error, in words that name nobody."""

    detail: str
    code: str
    retryable: bool


def write(pipe: IO[bytes], message: object) -> None:
    """Send a message."""
    pickle.dump(message, pipe)
    pipe.flush()


def read(pipe: IO[bytes]) -> Any:
    """Wait for a message."""
    return pickle.load(pipe)  # noqa: S301 (a private pipe to a process that we started)
