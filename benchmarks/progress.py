"""A progress bar for benchmarks that run many cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def case_progress(total: int) -> Iterator[Callable[..., None]]:
    """A bar on standard error. The function it yields counts one case, and prints its arguments above the bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("cases", total=total)

        def advance(*message: str) -> None:
            if message:
                bar.console.print(*message)
            bar.advance(task)

        yield advance
