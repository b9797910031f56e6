"""A load generator on raw sockets: it costs almost nothing, so that it does not distort what is measured."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle, islice


class Load:
    """Keeps `connections` requests in flight. Each measurement opens new connections, since servers close idle ones.

    With several ports the connections are distributed in turn, as a load balancer does.
    """

    def __init__(self, port: int | Sequence[int], requests: Sequence[bytes], expect: int, connections: int = 8) -> None:
        self._requests = cycle(requests)
        self._expect = f"HTTP/1.1 {expect} ".encode()
        self._ports = list(islice(cycle([port] if isinstance(port, int) else port), connections))

    def rate(self, seconds: float) -> float:
        """Responses per second."""
        with ExitStack() as stack:
            sockets = [stack.enter_context(_connect(port)) for port in self._ports]
            for one in sockets:
                one.sendall(next(self._requests))
            responses, started = 0, time.perf_counter()
            while time.perf_counter() - started < seconds:
                for one in sockets:
                    self._read_response(one)
                    one.sendall(next(self._requests))
                responses += len(sockets)
            elapsed = time.perf_counter() - started
            for one in sockets:
                self._read_response(one)
        return responses / elapsed

    def latencies(self, seconds: float, pause: float) -> list[float]:
        """Response times in seconds, sorted, of one client that pauses between requests."""
        times: list[float] = []
        with _connect(self._ports[0]) as one:
            end = time.perf_counter() + seconds
            while (started := time.perf_counter()) < end:
                one.sendall(next(self._requests))
                self._read_response(one)
                times.append(time.perf_counter() - started)
                time.sleep(pause)
        return sorted(times)

    def _read_response(self, one: socket.socket) -> None:
        received = head = mark = body = b""
        while not mark:
            received += _receive(one)
            head, mark, body = received.partition(b"\r\n\r\n")
        if not head.startswith(self._expect):
            raise RuntimeError(f"expected {self._expect.decode()}, got {head[:200].decode()}: {body[:300].decode()}")
        left = _content_length(head) - len(body)
        while left > 0:
            left -= len(_receive(one))


def _connect(port: int) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port))
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one


def _receive(one: socket.socket) -> bytes:
    data = one.recv(65536)
    if not data:
        raise RuntimeError("the server closed the connection")
    return data


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line[15:])
    return 0


def get(path: str, **headers: str) -> bytes:
    """The bytes of a GET request."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def post(path: str, body: bytes, **headers: str) -> bytes:
    """The bytes of a POST request with a JSON body."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
