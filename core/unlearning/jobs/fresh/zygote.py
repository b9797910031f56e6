"""A process set aside when it had imported the libraries and done nothing else. Others are forked from it.

Importing PyTorch and Transformers takes seconds, a fork nothing. Whoever makes a zygote must have a single thread, and
no GPU: CUDA does not survive a fork.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, NoReturn

Answer = Callable[[IO[bytes], IO[bytes]], None]
"""What a forked process does with its two pipes: reads the one, writes the other."""


def possible() -> bool:
    """Linux tells of a process's end by a descriptor of its own, so that nobody else's is ended for it."""
    return hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")


@dataclass(frozen=True)
class Forked:
    """A process forked from a zygote, by its pipes."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    pidfd: int

    def kill(self) -> None:
        """End it, whatever it does."""
        try:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return

    def wait(self) -> None:
        """Until it has ended. Called once."""
        select.select([self.pidfd], [], [])
        os.close(self.pidfd)


class Zygote:
    """It ends with the process that made it, and what was forked from it ends then by itself, see `Answer`."""

    def __init__(self, answer: Answer) -> None:
        self._orders, theirs = socket.socketpair()
        if os.fork() == 0:
            _wait_for_orders(theirs, answer)
        theirs.close()

    def fork(self) -> Forked | None:
        """A process that answers; None when the zygote is gone, killed for its memory most of the time."""
        inbox, asks = os.pipe()
        answers, outbox = os.pipe()
        try:
            socket.send_fds(self._orders, [b"."], [inbox, outbox])
            _, found, _, _ = socket.recv_fds(self._orders, 1, 1)
        except ConnectionError:
            found = []
        finally:
            os.close(inbox)
            os.close(outbox)
        stdin, stdout = os.fdopen(asks, "wb"), os.fdopen(answers, "rb")
        if found:
            return Forked(stdin, stdout, found[0])
        stdin.close()
        stdout.close()
        return None


def _wait_for_orders(orders: socket.socket, answer: Answer) -> NoReturn:
    """The zygote, which has nothing of its maker's: no open file, no signal but SIGKILL."""
    _let_go(orders.fileno())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    while True:
        _, pipes, _, _ = socket.recv_fds(orders, 1, 2)
        if not pipes:
            os._exit(0)
        child = os.fork()
        if child == 0:
            orders.close()
            _answer(pipes, answer)
        for pipe in pipes:
            os.close(pipe)
        pidfd = os.pidfd_open(child)
        socket.send_fds(orders, [b"."], [pidfd])
        os.close(pidfd)


def _let_go(keep: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    # What libraries print is no answer.
    os.dup2(2, 1)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != keep:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _answer(pipes: list[int], answer: Answer) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        answer(os.fdopen(pipes[0], "rb"), os.fdopen(pipes[1], "wb"))
    finally:
        os._exit(0)
