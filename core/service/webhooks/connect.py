"""Connections that may only go where the policy allows, and that end in time whatever the other side does.

The name is looked up once, each address is judged, and the connection goes to an address that was judged: a name that
answers differently a moment later (DNS rebinding) gains nothing. Name, certificate and `Host` stay those of the URL.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

import httpcore
from httpcore._backends.base import SOCKET_OPTION

from core.service.webhooks.addresses import Address, AddressPolicy

Resolver = Callable[[str, int], list[Address]]
MOST_ADDRESSES = 4
CONNECT_SECONDS = 5.0


class AddressRefusedError(Exception):
    """The name has no address that the policy allows."""


class NameNotResolvedError(Exception):
    """The name has no address at all."""


class Deadline:
    """The end of everything that a delivery does, however many small steps it takes."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def left(self, at_most: float = float("inf")) -> float:
        """Seconds until then. Raises `httpcore.ReadTimeout` once there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the delivery took too long")
        return min(left, at_most)

    def shorten(self, seconds: float) -> None:
        """No more than so many seconds from now on."""
        self._until = min(self._until, time.monotonic() + seconds)


def resolve(host: str, port: int) -> list[Address]:
    """The system's answer. Raises `NameNotResolvedError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NameNotResolvedError from None
    return [ip_address(entry[4][0]) for entry in found]


class GuardedBackend(httpcore.NetworkBackend):
    """Opens the one connection of a delivery."""

    def __init__(self, policy: AddressPolicy, deadline: Deadline, *, tls: bool, resolver: Resolver = resolve) -> None:
        self._policy, self._deadline, self._tls, self._resolver = policy, deadline, tls, resolver
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Try the allowed addresses of `host` in turn. Raises `AddressRefusedError` where there is none."""
        del timeout
        found = _in_time(lambda: self._resolver(host, port), self._deadline)
        allowed = [address for address in found if self._policy.allows(address, port, tls=self._tls)]
        if not allowed:
            raise AddressRefusedError
        failed: Exception = httpcore.ConnectError()
        for address in allowed[:MOST_ADDRESSES]:
            seconds = self._deadline.left(CONNECT_SECONDS)
            try:
                stream = self._inner.connect_tcp(str(address), port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failed


class _TimedStream(httpcore.NetworkStream):
    """A stream of which every step ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        return self._inner.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        self._inner.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        del timeout
        stream = self._inner.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _in_time(look_up: Callable[[], list[Address]], deadline: Deadline) -> list[Address]:
    """A system's look-up cannot be interrupted: a thread that takes too long is left to end by itself."""
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(look_up())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=run, name="webhook-lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise httpcore.ConnectTimeout("the name was not looked up in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
