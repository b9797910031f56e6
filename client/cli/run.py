"""Runs the command line. Errors become one line on standard error, never a stack trace."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from client.cli import exits


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status. `LETHE_DEBUG=1` lets exceptions through, for developers."""
    from client.cli.app import app

    try:
        app(args=list(arguments), prog_name="lethe")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else exits.ERROR
    except KeyboardInterrupt:
        return _say("stopped", exits.INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output is gone (`lethe list | head`): keep the interpreter from complaining about it too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    except Exception as error:
        if os.environ.get("LETHE_DEBUG"):
            raise
        return _explain(error)
    return exits.OK


def _explain(error: Exception) -> int:
    from client.errors import LetheError

    if isinstance(error, exits.CommandError):
        return _say(str(error), error.code)
    if isinstance(error, LetheError):
        return _say(_with_advice(error), exits.ERROR)
    logging.getLogger(__name__).debug("unexpected", exc_info=error)
    if isinstance(error, ModuleNotFoundError):
        name = (error.name or "a library").partition(".")[0]
        return _say(f"this command needs {name}: install it with `pip install 'lethe-unlearning[worker]'`", exits.ERROR)
    if isinstance(error, OSError) and error.filename:
        return _say(f"{error.filename}: {error.strerror}", exits.ERROR)
    first = next(iter(str(error).splitlines()), "")
    return _say(f"{first or type(error).__name__} (set LETHE_DEBUG=1 to see where)", exits.ERROR)


def _with_advice(error: Exception) -> str:
    from client.errors import APIError, AuthenticationError

    text = str(error)
    if isinstance(error, AuthenticationError):
        text += "; set LETHE_API_KEY, or LETHE_DATA_DIR to the data folder of a server on this machine"
    if isinstance(error, APIError) and error.status >= 500 and error.request_id:
        text += f"; the server's log has it under request {error.request_id}"
    return text


def _say(message: str, code: int) -> int:
    sys.stderr.write(f"lethe: {message}\n")
    return code
