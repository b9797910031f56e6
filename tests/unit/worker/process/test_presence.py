"""What a worker says of its GPU."""

from __future__ import annotations

import pytest
import torch

from core.service.metrics.workers import GpuMemory
from worker.process import presence


def test_a_gpu_that_no_job_has_touched_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    assert presence.gpu_memory() is None


def test_total_used_and_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (30, 80))
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: 45)
    assert presence.gpu_memory() == GpuMemory(total=80, used=50, peak=45)
