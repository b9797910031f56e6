"""A case's method, run and timed, with the patch that it leaves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from core.unlearning.methods.base import JobContext, Method
from core.unlearning.types import JobData


@dataclass(frozen=True)
class TrainedPatch:
    """`seconds`: wall-clock time of the method; `processor_seconds`: CPU time; `size`: of the patch, in bytes."""

    adapter: Path
    seconds: float
    processor_seconds: float
    size: int
    details: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The keys that every result has of its patch."""
        return {
            "seconds": self.seconds,
            "processor_seconds": self.processor_seconds,
            "bytes": self.size,
            "details": dict(self.details),
        }


def train_patch(
    method: Method, model: Any, data: JobData, options: BaseModel, context: JobContext, *, files: str
) -> TrainedPatch:
    """Run the method. `files`: a glob pattern for the files in the adapter's folder that count as the patch's size."""
    started, started_processor = time.perf_counter(), time.process_time()
    result = method.run(model, data, options, context)
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - started_processor
    size = sum(file.stat().st_size for file in result.adapter.glob(files))
    return TrainedPatch(result.adapter, seconds, processor_seconds, size, result.details)
