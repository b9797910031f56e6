"""A client that costs almost nothing: it must not be what is measured."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from itertools import cycle, islice


class Load:
    """`connections` requests under way at any time, over as many connections that stay open.

    With several ports the connections are dealt out among them, as a load balancer does.
    """

    def __init__(self, port: int | Sequence[int], requests: Sequence[bytes], expect: int, connections: int = 8) -> None:
        self._requests = cycle(requests)
        self._expect = f"HTTP/1.1 {expect} ".encode()
        ports = islice(cycle([port] if isinstance(port, int) else port), connections)
        self._sockets = [socket.create_connection(("127.0.0.1", one)) for one in ports]
        for one in self._sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def rate(self, seconds: float) -> float:
        """Answers a second."""
        for one in self._sockets:
            one.sendall(next(self._requests))
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            for one in self._sockets:
                self._answer(one)
                one.sendall(next(self._requests))
            done += len(self._sockets)
        took = time.perf_counter() - began
        for one in self._sockets:
            self._answer(one)
        return done / took

    def latencies(self, seconds: float, pause: float) -> list[float]:
        """Seconds until each answer to one client that asks again after a pause, sorted."""
        one, times, until = self._sockets[0], [], time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            one.sendall(next(self._requests))
            self._answer(one)
            times.append(time.perf_counter() - began)
            time.sleep(pause)
        return sorted(times)

    def close(self) -> None:
        for one in self._sockets:
            one.close()

    def _answer(self, one: socket.socket) -> None:
        found = one.recv(65536)
        head, mark, body = found.partition(b"\r\n\r\n")
        while not mark:
            found += one.recv(65536)
            head, mark, body = found.partition(b"\r\n\r\n")
        if not head.startswith(self._expect):
            raise RuntimeError(f"expected {self._expect.decode()}, got {head[:200].decode()}: {body[:300].decode()}")
        left = _length(head) - len(body)
        while left > 0:
            left -= len(one.recv(65536))


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
