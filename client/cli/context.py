"""What every command shares: where the server is, how to print."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from client.lethe import Lethe

_PIPE_WIDTH = 160
"""Width of output that is not shown on a terminal."""

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The id of a job (job_...).")]


@dataclass(frozen=True)
class Connection:
    """The options in front of the command: `lethe --url URL list`."""

    url: str | None = None
    api_key: str | None = None
    data_dir: Path | None = None

    def open(self) -> Lethe:
        """A client for the server that the options, or the environment, name."""
        from client.lethe import Lethe
        from client.retry import RetryPolicy

        # A person waits: two more tries, then say what is wrong.
        return Lethe(self.url, self.api_key, data_dir=self.data_dir, retry=RetryPolicy(max_retries=2))


def connect(context: typer.Context) -> Lethe:
    """The client of this command."""
    connection: Connection = context.obj
    return connection.open()


def out() -> Console:
    """Standard output: results."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error: progress and messages."""
    return _console(stderr=True)


def say(message: str) -> None:
    """Print a line on standard error, without wrapping it."""
    typer.echo(message, err=True)


def print_json(value: BaseModel | Mapping[str, Any] | Iterable[BaseModel]) -> None:
    """One JSON document on standard output."""
    typer.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE_WIDTH
    return console


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value if isinstance(value, Mapping) else [_plain(item) for item in value]
