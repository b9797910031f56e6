"""The base of every resource."""

from __future__ import annotations

from client.transport import Transport


class Resource:
    """The calls of one resource on one server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
