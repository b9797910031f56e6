"""How the application is served: uvicorn with our protocol."""

from __future__ import annotations

from typing import Any

import uvicorn

from api.app import create_app
from api.protocol import impatient
from core.service.settings import Settings

SHUTDOWN_SECONDS = 3


def uvicorn_config(settings: Settings, **changes: Any) -> uvicorn.Config:
    """One process, no WebSockets, no log of its own; ready for `uvicorn.Server`."""
    options: dict[str, Any] = {
        "http": impatient(settings.head_seconds, settings.stalled_seconds),
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
    }
    return uvicorn.Config(create_app(settings), **{**options, **changes})
