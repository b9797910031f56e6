"""How the application is served: by uvicorn, with a protocol that disconnects slow senders and slow readers."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.app import create_app
from core.service.settings import Settings

SHUTDOWN_SECONDS = 3


def uvicorn_config(settings: Settings, **changes: Any) -> uvicorn.Config:
    """The configuration of `uvicorn.Server`: one process, no WebSockets, no access log."""
    options: dict[str, Any] = {
        "http": _protocol(settings.head_seconds, settings.stalled_seconds),
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
    }
    return uvicorn.Config(create_app(settings), **{**options, **changes})


class TimeoutProtocol(H11Protocol):
    """HTTP/1.1 with two timeouts: for the head of a request, and for a client that does not read.

    Neither runs while a request is served and the client reads: streams and long polls may take any time.
    """

    head_seconds = 15.0
    stalled_seconds = 60.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head, self._stalled = _Timeout(), _Timeout()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's, and start the timeout of the first head."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """As uvicorn's. The timeout starts with the first byte of a head; later bytes do not extend it."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._head.stop()
        else:
            self._await_head()

    def on_response_complete(self) -> None:
        """As uvicorn's, which closes an idle connection soon."""
        self._head.stop()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not read, and the buffer is full."""
        super().pause_writing()
        self._stalled.start(self.loop, self.stalled_seconds, self.transport)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stalled.stop()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        self._head.stop()
        self._stalled.stop()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head.start(self.loop, self.head_seconds, self.transport)


def _protocol(head_seconds: float, stalled_seconds: float) -> type[TimeoutProtocol]:
    seconds = {"head_seconds": head_seconds, "stalled_seconds": stalled_seconds}
    return type("ConfiguredTimeoutProtocol", (TimeoutProtocol,), seconds)


class _Timeout:
    """Resets a connection unless it is stopped in time. Starting it twice changes nothing."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def start(self, loop: asyncio.AbstractEventLoop, seconds: float, transport: asyncio.Transport) -> None:
        if self._timer is None:
            self._timer = loop.call_later(seconds, _reset, transport)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _reset(transport: asyncio.Transport) -> None:
    """Close without waiting until the client has read the rest, which the kernel would keep for minutes."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
