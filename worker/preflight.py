"""Whether a job will fit, before anything is loaded for it."""

from __future__ import annotations

from core.service.jobs.claims import Room
from core.service.jobs.inputs import JobInput
from core.unlearning.errors import InsufficientMemoryError
from core.unlearning.memory import GB, estimate
from worker import room
from worker.models import WarmModels

_WHERE = {"gpu": "GPU memory", "cpu": "memory"}


def check(given: JobInput, models: WarmModels, mine: Room) -> None:
    """Raises `InsufficientMemoryError` where the job needs more than is free. What cannot be estimated may try."""
    need = estimate(given.model.source, given.options, given.model.defaults)
    if need is None:
        return
    # A model that is loaded already is used again, or makes room.
    ram = room.free("cpu") + models.host_bytes
    if mine.kind == "gpu":
        _compare(need.gpu, min(room.free("gpu"), mine.bytes), "gpu")
        _compare(need.host, ram, "cpu")
    elif need.cpu is not None:
        _compare(need.cpu, min(ram, mine.bytes), "cpu")


def _compare(needed: int, free: int, where: str) -> None:
    if needed > free:
        wants, has = f"{needed / GB:.1f} GB of {_WHERE[where]}", f"{max(free, 0) / GB:.1f} GB free"
        raise InsufficientMemoryError(f"The job needs about {wants}; this worker has {has}.")
