"""Reports that a worker is alive, and how much of its GPU's memory is in use. `/metrics` reads the reports."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from core.service.context import Services
from core.service.metrics import workers
from core.service.metrics.workers import REPORT_SECONDS, GpuMemory
from worker.process.background import repeat


def worker_name(pid: int) -> str:
    """A worker's name: its host, and the id of the process that listens for jobs."""
    return f"{socket.gethostname()}:{pid}"


def keep_reporting(services: Services, worker: str) -> None:
    """Report now and every quarter of a minute, in a daemon thread."""

    def report() -> None:
        gpu = gpu_memory()
        with services.db.write() as session:
            workers.report(session, worker, gpu)

    repeat(REPORT_SECONDS, report, "presence")


def withdraw(services: Services, worker: str) -> None:
    """Withdraw the report at shutdown. If the database is unavailable, the report becomes outdated by itself."""
    with suppress(SQLAlchemyError), services.db.write() as session:
        workers.remove(session, worker)


def gpu_memory() -> GpuMemory | None:
    """Memory of the device in use; None before a job has initialised CUDA, which would itself take memory."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    free, total = torch.cuda.mem_get_info()
    return GpuMemory(total, total - free, torch.cuda.max_memory_reserved())
