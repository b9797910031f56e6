"""Work that hangs takes one thread, however often it is asked for."""

from __future__ import annotations

from threading import Event

import pytest

from core.service.kit.timely import Timely


def test_what_works_or_fails_does_so() -> None:
    done: list[int] = []
    work = Timely(lambda: done.append(1))
    for _ in range(2):
        work.start().result(60)
    assert done == [1, 1]
    with pytest.raises(ZeroDivisionError):
        Timely(lambda: 1 // 0).start().result(60)


def test_what_hangs_is_begun_once_and_begun_anew_when_it_has_ended() -> None:
    begun: list[int] = []
    gate = Event()

    def hang() -> None:
        begun.append(1)
        gate.wait()

    work = Timely(hang)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            work.start().result(0.01)
    assert begun == [1]
    running = work.start()
    gate.set()
    running.result(60)
    work.start().result(60)
    assert begun == [1, 1]
