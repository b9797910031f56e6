"""One line an event, ours and those of libraries, with what is bound to the context and without the text of errors."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from core.service.telemetry import logs

CANARY = "Quillon Zephyrine"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, levels = root.handlers, {name: logging.getLogger(name).level for name in logs._THRESHOLDS}
    yield
    root.handlers = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_ours_and_theirs_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    structlog.contextvars.bind_contextvars(request_id="req-12345", job_id="job_1")
    structlog.get_logger("worker.attempt.runner").info("job_claimed", attempt=1)
    logging.getLogger("somewhere").warning("slow: %s", 3)
    ours, theirs = told(capsys)
    assert set(ours) - {"attempt"} == set(theirs)
    assert (ours["logger"], ours["level"], ours["event"], ours["attempt"]) == (
        "worker.attempt.runner",
        "info",
        "job_claimed",
        1,
    )
    assert (theirs["logger"], theirs["level"], theirs["event"]) == ("somewhere", "warning", "slow: 3")
    assert ours["job_id"] == theirs["job_id"] == "job_1"


def test_an_error_is_its_type(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        structlog.get_logger("api").error("ours", exc_info=error, at=logs.stack_frames(error))
        logging.getLogger("somewhere").exception("theirs")
    lines = told(capsys)
    assert [line["error"] for line in lines] == ["ValueError", "ValueError"]
    assert "test_an_error_is_its_type" in str(lines[0]["at"])
    assert CANARY not in str(lines)


def test_levels_and_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "console")
    structlog.get_logger("api").info("unheard")
    logging.getLogger("somewhere").info("unheard")
    structlog.get_logger("api").warning("heard", at=1)
    written = capsys.readouterr().err
    assert "unheard" not in written
    assert "heard" in written
    assert not written.startswith("{")
