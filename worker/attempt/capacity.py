"""How much memory this worker has and how much of it is free, and whether a job fits before anything is loaded for it.

A worker uses the first GPU that CUDA_VISIBLE_DEVICES shows, and no other. Without a GPU, memory is that of the machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil

from core.service.jobs.claims import Capacity
from core.service.jobs.inputs import JobInput
from core.service.settings import Settings
from core.unlearning.errors import InsufficientMemoryError
from core.unlearning.families.registry import families
from core.unlearning.hardware import accelerator
from core.unlearning.hardware.requirements import GB, estimate
from worker.attempt.warm_models import WarmModels

_FROM_PARENT = "LETHE_CAPACITY"
_CGROUP = Path("/sys/fs/cgroup")
_WHERE = {"gpu": "GPU memory", "cpu": "memory"}


@cache
def measure(limit_gb: float | None) -> Capacity:
    """The capacity of this process. It initialises CUDA, so a process that only listens must not call it.

    A process whose parent has called `measure_in_child` takes the result from its environment.
    """
    if parents := os.environ.get(_FROM_PARENT):
        kind, _, size = parents.partition(":")
        return Capacity("gpu" if kind == "gpu" else "cpu", int(size))
    if accelerator.may_have_gpu():
        import torch

        if torch.cuda.is_available():
            total = torch.cuda.get_device_properties(0).total_memory
            return Capacity("gpu", int(limit_gb * GB) if limit_gb else total)
    return Capacity("cpu", int(limit_gb * GB) if limit_gb else _ram()[0])


def measure_in_child(settings: Settings) -> Capacity:
    """The capacity of this process's children, measured by one of them: CUDA must not be initialised here."""
    if not accelerator.may_have_gpu():
        return measure(settings.worker_memory_gb)
    command = [sys.executable, "-m", __name__, str(settings.worker_memory_gb or "")]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - our own module
    kind, size = json.loads(done.stdout)
    os.environ[_FROM_PARENT] = f"{kind}:{size}"
    return Capacity(kind, size)


def free_bytes(kind: str) -> int:
    """Bytes that a job may take now. What PyTorch has reserved on the GPU counts as free: the job uses it again."""
    if kind == "cpu":
        return _ram()[1]
    import torch

    return int(torch.cuda.mem_get_info(0)[0]) + torch.cuda.memory_reserved(0)


def _ram() -> tuple[int, int]:
    """Total and available bytes, within the limits of a container."""
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
        fields = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return 0
    return next((int(value) for key, value in fields if key == name), 0)


def check(inputs: JobInput, models: WarmModels, capacity: Capacity) -> None:
    """Raises `InsufficientMemoryError` where the job needs more than is free; never where its need is not known."""
    model = inputs.model
    need = estimate(model.source, inputs.options, model.defaults, families()[model.family].activations)
    if need is None:
        return
    # A model that is loaded already is used again, or unloaded.
    ram = free_bytes("cpu") + models.host_bytes
    if capacity.kind == "gpu":
        _compare(need.gpu, min(free_bytes("gpu"), capacity.bytes), "gpu")
        _compare(need.host, ram, "cpu")
    elif need.cpu is not None:
        _compare(need.cpu, min(ram, capacity.bytes), "cpu")


def _compare(needed: int, free: int, where: str) -> None:
    if needed > free:
        needs, has = f"{needed / GB:.1f} GB of {_WHERE[where]}", f"{max(free, 0) / GB:.1f} GB free"
        raise InsufficientMemoryError(f"The job needs about {needs}; this worker has {has}.")


if __name__ == "__main__":
    measured = measure(float(sys.argv[1]) if sys.argv[1] else None)
    sys.stdout.write(json.dumps([measured.kind, measured.bytes]))
