import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from core.unlearning.jobs.fresh.zygote import possible
from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(not possible(), reason="the system does not tell of a process's end by a descriptor")

MAKER = """
import os, sys
from core.unlearning.jobs.fresh.zygote import Zygote

imported, held = [], open(sys.executable)

def answer(inbox, outbox):
    for line in inbox:
        print("what libraries say")
        opened = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
        seen = len(imported) + opened.count(os.path.realpath(sys.executable))
        outbox.write(b"%d %d %d %s" % (os.getpid(), os.getppid(), seen, line))
        outbox.flush()

def ask(process, line):
    process.stdin.write(line)
    process.stdin.flush()
    return process.stdout.readline().decode().split()

zygote = Zygote(answer)
imported.append("only here, and later")
first, second = zygote.fork(), zygote.fork()
print(*ask(first, b"one\\n"), *ask(second, b"two\\n"), flush=True)
"""
"""Prints pid, parent, what it has of its maker since and of its files, and the question, of two processes."""


@pytest.fixture
def maker() -> Iterator[subprocess.Popen[str]]:
    """Runs `MAKER`, and then the lines that come on its input."""
    loop = "for line in sys.stdin:\n    exec(line)\n"
    with subprocess.Popen(
        [sys.executable, "-c", MAKER + loop],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        yield process
        process.kill()


def told(process: subprocess.Popen[str], order: str = "") -> list[str]:
    assert process.stdin is not None
    assert process.stdout is not None
    if order:
        process.stdin.write(f"{order}\n")
        process.stdin.flush()
    return process.stdout.readline().split()


def test_processes_have_what_was_there_when_it_was_set_aside_and_nothing_else(maker: subprocess.Popen[str]) -> None:
    one, zygote, seen, first, two, parent, as_well, second = told(maker)
    assert (first, second) == ("one", "two")
    assert one != two
    assert zygote == parent == str(psutil.Process(int(one)).ppid())
    assert seen == as_well == "0"
    assert [child.pid for child in psutil.Process(maker.pid).children()] == [int(zygote)]


def test_one_is_ended_and_the_other_goes_on(maker: subprocess.Popen[str]) -> None:
    one, zygote, *_ = told(maker)
    ended = psutil.Process(int(one))
    assert told(maker, "first.kill(); first.wait(); print(*ask(second, b'still\\n'), flush=True)")[1:] == [
        zygote,
        "0",
        "still",
    ]
    # Its end is told before the system has forgotten it.
    assert psutil.wait_procs([ended], timeout=30)[1] == []
    assert told(maker, "print(first.stdout.read(), flush=True)") == ["b''"]


def test_all_of_them_end_with_their_maker_even_when_it_is_killed(maker: subprocess.Popen[str]) -> None:
    one, zygote, _, _, two, *_ = told(maker)
    there = [psutil.Process(int(pid)) for pid in (one, zygote, two)]
    maker.kill()
    # Those that were forked read to the end of their pipes here; others look whose child they are.
    assert psutil.wait_procs(there, timeout=30)[1] == []


def test_without_its_zygote_a_process_has_to_be_started_anew(maker: subprocess.Popen[str]) -> None:
    _, zygote, *_ = told(maker)
    os.kill(int(zygote), signal.SIGKILL)
    assert told(maker, "print(zygote.fork(), flush=True)") == ["None"]


def test_a_stop_of_its_group_is_its_maker_s_to_hear(maker: subprocess.Popen[str]) -> None:
    _, zygote, *_ = told(maker)
    os.kill(int(zygote), signal.SIGTERM)
    assert told(maker, "print(*ask(zygote.fork(), b'three\\n'), flush=True)")[1:] == [zygote, "0", "three"]
