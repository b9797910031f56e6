"""The Lethe SDK: `from client import Lethe`. Names load on first use, so that the command line starts fast."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from client.errors import APIError as APIError
    from client.errors import LetheError as LetheError
    from client.job import Job as Job
    from client.lethe import Lethe as Lethe
    from client.retry import RetryPolicy as RetryPolicy

_HOME = {
    "APIError": "client.errors",
    "Job": "client.job",
    "Lethe": "client.lethe",
    "LetheError": "client.errors",
    "RetryPolicy": "client.retry",
}

__all__ = ["APIError", "Job", "Lethe", "LetheError", "RetryPolicy"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
