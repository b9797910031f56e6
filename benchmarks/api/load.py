"""A client that costs almost nothing: it must not be what is measured."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle, islice


class Load:
    """`connections` requests under way at any time. Each measurement opens connections of its own and keeps them open:
    a server closes those that idle.

    With several ports the connections are dealt out among them, as a load balancer does.
    """

    def __init__(self, port: int | Sequence[int], requests: Sequence[bytes], expect: int, connections: int = 8) -> None:
        self._requests = cycle(requests)
        self._expect = f"HTTP/1.1 {expect} ".encode()
        self._ports = list(islice(cycle([port] if isinstance(port, int) else port), connections))

    def rate(self, seconds: float) -> float:
        """Answers a second."""
        with ExitStack() as stack:
            sockets = [stack.enter_context(_connected(port)) for port in self._ports]
            for one in sockets:
                one.sendall(next(self._requests))
            done, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds:
                for one in sockets:
                    self._answer(one)
                    one.sendall(next(self._requests))
                done += len(sockets)
            took = time.perf_counter() - began
            for one in sockets:
                self._answer(one)
        return done / took

    def latencies(self, seconds: float, pause: float) -> list[float]:
        """Seconds until each answer to one client that asks again after a pause, sorted."""
        times: list[float] = []
        with _connected(self._ports[0]) as one:
            until = time.perf_counter() + seconds
            while (began := time.perf_counter()) < until:
                one.sendall(next(self._requests))
                self._answer(one)
                times.append(time.perf_counter() - began)
                time.sleep(pause)
        return sorted(times)

    def _answer(self, one: socket.socket) -> None:
        found = head = mark = body = b""
        while not mark:
            found += _received(one)
            head, mark, body = found.partition(b"\r\n\r\n")
        if not head.startswith(self._expect):
            raise RuntimeError(f"expected {self._expect.decode()}, got {head[:200].decode()}: {body[:300].decode()}")
        left = _length(head) - len(body)
        while left > 0:
            left -= len(_received(one))


def _connected(port: int) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port))
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one


def _received(one: socket.socket) -> bytes:
    found = one.recv(65536)
    if not found:
        raise RuntimeError("the server closed the connection")
    return found


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line[15:])
    return 0


def get(path: str, **headers: str) -> bytes:
    """A GET as it goes over the wire."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def post(path: str, body: bytes, **headers: str) -> bytes:
    """A POST of JSON."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
