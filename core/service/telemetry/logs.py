"""Logging by structlog in API and worker: one line per event on standard error, also for events of libraries.

Log lines hold ids and numbers only. What is bound to the context (`request_id`, `tenant`, `job_id`, `attempt`) is in
every line.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from typing import Any, Literal

import structlog
from structlog.typing import EventDict

Format = Literal["json", "console"]

_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True)
_FOREIGN: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    _TIME,
]
_THRESHOLDS = {"": logging.WARNING, "celery.app.trace": logging.CRITICAL, "kombu.connection": logging.ERROR}
"""The level of libraries is WARNING, with two exceptions: we log a task's error ourselves, without its text, and the
folder that serves as broker has no host name to warn of."""


def configure(level: str, format: Format = "json") -> None:
    """Set up logging, our own events from `level`. Call once in a process, before anything is logged."""
    render: Any = structlog.processors.JSONRenderer() if format == "json" else structlog.dev.ConsoleRenderer()
    # Our events do not pass through `logging`, which would cost a tenth of the time of a small request.
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _name_logger,
            _TIME,
            _without_text_of_errors,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    finish = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, _without_text_of_errors, render]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_FOREIGN, processors=finish))
    logging.getLogger().handlers = [handler]
    for name, threshold in _THRESHOLDS.items():
        logging.getLogger(name).setLevel(threshold)
    warnings.simplefilter("ignore")


def stack_frames(error: BaseException, last: int = 12) -> list[str]:
    """The last frames of an error as `file:line function`. Its message is left out: it may quote the subject's data."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-last:]]


class _Lines:
    """Writes each line with one call, so that those of several threads do not mix."""

    def __init__(self, name: str = "lethe") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = exception = msg


def _name_logger(logger: Any, _name: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event


def _without_text_of_errors(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Keep only the type of an exception: its message, above all SQLAlchemy's, may quote the subject's data."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
    event.pop("stack_info", None)
    return event
