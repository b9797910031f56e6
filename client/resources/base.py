"""What every resource holds."""

from __future__ import annotations

from client.transport import Transport


class Resource:
    """A group of calls on one server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
