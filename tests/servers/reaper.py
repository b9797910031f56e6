"""A small process beside the tests. When they end without a word, by SIGKILL too, it ends the servers that they left.

Run as a program it reads process ids and folders from standard input, and with the end of that kills and removes them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path


def watch(what: int | Path) -> None:
    """A process (with its group) or a folder that must not outlive this process."""
    _tell(f"+{what}")


def forget(pid: int) -> None:
    """This process has ended, and its number may become another's."""
    _tell(f"-{pid}")


def _tell(line: str) -> None:
    pipe = _reaper().stdin
    assert pipe is not None
    pipe.write(f"{line}\n".encode())
    pipe.flush()


@cache
def _reaper() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", __file__]
    # In a session of its own a Ctrl-C in the terminal does not reach it.
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _main() -> None:
    watched: dict[str, None] = {}
    for line in sys.stdin:
        sign, name = line[0], line[1:].strip()
        if sign == "+":
            watched[name] = None
        else:
            watched.pop(name, None)
    for name in watched:
        if name.isdecimal():
            _kill(int(name))
    for name in watched:
        if not name.isdecimal():
            shutil.rmtree(name, ignore_errors=True)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _main()
