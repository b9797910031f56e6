"""How much memory this worker has, in all and free, and whether a job will fit before anything is loaded for it.

Which GPU is chosen by CUDA_VISIBLE_DEVICES; a worker uses the first one that it sees, and no other. Without one, memory
is the machine's own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil

from core.service.jobs.claims import Room
from core.service.jobs.inputs import JobInput
from core.service.settings import Settings
from core.unlearning.errors import InsufficientMemoryError
from core.unlearning.hardware import accelerator
from core.unlearning.hardware.requirements import GB, estimate
from worker.attempt.warm_models import WarmModels

_TOLD = "LETHE_ROOM"
_CGROUP = Path("/sys/fs/cgroup")
_WHERE = {"gpu": "GPU memory", "cpu": "memory"}


@cache
def of(settings_gb: float | None) -> Room:
    """The room of this process. Looks at the GPU, so a process that only listens must not call it.

    A child of one that has found out already, by `of_children`, is told.
    """
    if told := os.environ.get(_TOLD):
        kind, _, size = told.partition(":")
        return Room("gpu" if kind == "gpu" else "cpu", int(size))
    if accelerator.may_be_here():
        import torch

        if torch.cuda.is_available():
            total = torch.cuda.get_device_properties(0).total_memory
            return Room("gpu", int(settings_gb * GB) if settings_gb else total)
    return Room("cpu", int(settings_gb * GB) if settings_gb else _ram()[0])


def of_children(settings: Settings) -> Room:
    """The room that this process's children will have, found by one of them: CUDA must not be touched here."""
    if not accelerator.may_be_here():
        return of(settings.worker_memory_gb)
    command = [sys.executable, "-m", __name__, str(settings.worker_memory_gb or "")]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own module
    kind, size = json.loads(done.stdout)
    os.environ[_TOLD] = f"{kind}:{size}"
    return Room(kind, size)


def free(kind: str) -> int:
    """Bytes that a job may take now. What this process holds of a GPU counts: it goes, or is used again."""
    if kind == "cpu":
        return _ram()[1]
    import torch

    return int(torch.cuda.mem_get_info(0)[0]) + torch.cuda.memory_reserved(0)


def _ram() -> tuple[int, int]:
    """In all and available, within the limits of a container."""
    machine = psutil.virtual_memory()
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if limit is None or used is None:
        return int(machine.total), int(machine.available)
    cached = _statistic(_CGROUP / "memory.stat", "inactive_file")
    return min(int(machine.total), limit), min(int(machine.available), limit - used + cached)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _statistic(path: Path, name: str) -> int:
    try:
        found = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return 0
    return next((int(value) for key, value in found if key == name), 0)


def check(given: JobInput, models: WarmModels, mine: Room) -> None:
    """Raises `InsufficientMemoryError` where the job needs more than is free. What cannot be estimated may try."""
    need = estimate(given.model.source, given.options, given.model.defaults)
    if need is None:
        return
    # A model that is loaded already is used again, or makes room.
    ram = free("cpu") + models.host_bytes
    if mine.kind == "gpu":
        _compare(need.gpu, min(free("gpu"), mine.bytes), "gpu")
        _compare(need.host, ram, "cpu")
    elif need.cpu is not None:
        _compare(need.cpu, min(ram, mine.bytes), "cpu")


def _compare(needed: int, free: int, where: str) -> None:
    if needed > free:
        wants, has = f"{needed / GB:.1f} GB of {_WHERE[where]}", f"{max(free, 0) / GB:.1f} GB free"
        raise InsufficientMemoryError(f"The job needs about {wants}; this worker has {has}.")


if __name__ == "__main__":
    found = of(float(sys.argv[1]) if sys.argv[1] else None)
    sys.stdout.write(json.dumps([found.kind, found.bytes]))
