"""Connections to allowed addresses only, which end in time whatever the other side does.

The name is resolved once, each address is checked, and the connection goes to a checked address: a name that resolves
differently a moment later (DNS rebinding) has no effect. Name, certificate and `Host` stay those of the URL.
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
MAX_ADDRESSES = 4
CONNECT_SECONDS = 5.0


class AddressRefusedError(Exception):
    """The name has no address that the policy allows."""


class NameNotResolvedError(Exception):
    """The name has no address at all."""


class Deadline:
    """The time by which a delivery must end, however many small steps it takes."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def remaining(self, at_most: float = float("inf")) -> float:
        """The remaining seconds. Raises `httpcore.ReadTimeout` if there are none."""
        remaining = self._until - time.monotonic()
        if remaining <= 0:
            raise httpcore.ReadTimeout("the delivery took too long")
        return min(remaining, at_most)

    def shorten(self, seconds: float) -> None:
        """Leave no more than this many seconds from now."""
        self._until = min(self._until, time.monotonic() + seconds)


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host by the system's resolver. Raises `NameNotResolvedError`."""
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NameNotResolvedError from None
    return [ip_address(entry[4][0]) for entry in entries]


class GuardedBackend(httpcore.NetworkBackend):
    """Opens the connection of a delivery."""

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
        addresses = _resolve_in_time(lambda: self._resolver(host, port), self._deadline)
        allowed = [address for address in addresses if self._policy.allows(address, port, tls=self._tls)]
        if not allowed:
            raise AddressRefusedError
        failure: Exception = httpcore.ConnectError()
        for address in allowed[:MAX_ADDRESSES]:
            seconds = self._deadline.remaining(CONNECT_SECONDS)
            try:
                stream = self._inner.connect_tcp(str(address), port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every operation ends by the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        return self._inner.read(max_bytes, self._deadline.remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        self._inner.write(buffer, self._deadline.remaining())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        del timeout
        stream = self._inner.start_tls(ssl_context, server_hostname, self._deadline.remaining())
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _resolve_in_time(look_up: Callable[[], list[Address]], deadline: Deadline) -> list[Address]:
    """Look up in a thread, since the system's look-up cannot be interrupted. A late thread ends by itself."""
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(look_up())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=run, name="webhook-lookup", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.remaining())
    except queue.Empty:
        raise httpcore.ConnectTimeout("the name was not looked up in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
