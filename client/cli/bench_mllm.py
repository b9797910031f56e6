"""`lethe bench mllm`: what methods do to the memory of a multimodal language model, on this machine."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from client.cli import exits
from client.cli.context import JsonFlag, err, out, print_json, say

if TYPE_CHECKING:
    from core.unlearning.bench.memory.bench import MemoryBench
    from core.unlearning.bench.memory.judge import Judge
    from core.unlearning.bench.memory.summary import LeaderboardRow

JUDGE_KEY = "LETHE_JUDGE_KEY"
Layout = Literal["s-mllmun", "mllmu", "clear", "fiubench"]
Level = Literal["standard", "robust"]


def mllm(
    work: Annotated[Path, typer.Option(help="Where results are kept; a second run goes on from there.")],
    model: Annotated[
        str | None, typer.Argument(help="A folder or a hub id. Without: the reference model and its world.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="What the model has learned, in one of the layouts.")] = None,
    layout: Annotated[Layout | None, typer.Option(help="Of --data.")] = None,
    methods: Annotated[list[str] | None, typer.Option(help="Repeatable. Without: all.")] = None,
    ratios: Annotated[list[int] | None, typer.Option(help="Per cent of all people. Repeatable. 5, 10, 15.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Each draws who is forgotten, and everything else.")] = 3,
    level: Annotated[Level, typer.Option(help="`robust`: every patch is attacked, too.")] = "standard",
    options: Annotated[Path | None, typer.Option(help="JSON: options by method.")] = None,
    tune: Annotated[bool, typer.Option("--tune", help="First choose every method's options on other people.")] = False,
    oracle: Annotated[Path | None, typer.Option(help="A model that never learned these people.")] = None,
    build_oracle: Annotated[bool, typer.Option("--build-oracle", help="Train the reference world's oracle.")] = False,
    judge: Annotated[str | None, typer.Option(help="An OpenAI-compatible endpoint, up to and with /v1.")] = None,
    judge_model: Annotated[str | None, typer.Option(help=f"Its model; {JUDGE_KEY} is sent as its key.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Cases at once; each loads the model.")] = 1,
    json: JsonFlag = False,
) -> None:
    """Forget people with each method, and measure what the model still tells, sees and declines."""
    from core.unlearning.bench.memory.bench import MemoryBench, read_options
    from core.unlearning.bench.memory.cases import RATIOS
    from core.unlearning.bench.memory.setup import MemorySetup, bundled_model

    if (model is None) != (data is None) or (data is None) != (layout is None):
        raise exits.CommandError("pass MODEL, --data and --layout together, or none of them", exits.USAGE)
    if build_oracle and model is not None:
        raise exits.CommandError("--build-oracle is for the reference world; pass --oracle DIR", exits.USAGE)
    try:
        setup = MemorySetup(
            model or bundled_model(), work, data, layout, oracle, _judge(judge, judge_model), level, _threads(processes)
        )
        given = read_options(options) if options else {}
        command = shlex.join(["lethe", *sys.argv[1:]])
        bench = MemoryBench(setup, methods or (), ratios or RATIOS, range(seeds), given, processes, command)
    except ValueError as error:
        raise exits.CommandError(str(error), exits.USAGE) from None
    results, rows = _carry_out(bench, tune=tune, build_oracle=build_oracle)
    if json:
        print_json({"results": results})
    else:
        _show(rows, work)


def _judge(url: str | None, model: str | None) -> Judge | None:
    from core.unlearning.bench.memory.judge import Judge

    if (url is None) != (model is None):
        raise exits.CommandError("pass --judge and --judge-model together", exits.USAGE)
    return Judge(url, model, os.environ.get(JUDGE_KEY)) if url and model else None


def _threads(processes: int) -> int:
    return max(1, (os.cpu_count() or 1) // processes)


def _carry_out(bench: MemoryBench, *, tune: bool, build_oracle: bool) -> tuple[list[Any], list[LeaderboardRow]]:
    from core.unlearning.bench.memory.judge import JudgeError
    from core.unlearning.bench.memory.run import ProcessDiedError
    from core.unlearning.errors import UnlearningError

    try:
        if build_oracle:
            bench = replace(bench, setup=replace(bench.setup, oracle=_oracle(bench)))
        if tune:
            with _bar("choosing options", len(bench.tuning())) as step:
                bench.tune(lambda _: step())
        with _bar("cases", len(bench.planned())) as step:
            return bench.run(lambda _: step())
    except (ValueError, JudgeError, ProcessDiedError, UnlearningError) as error:
        raise exits.CommandError(str(error)) from None


def _oracle(bench: MemoryBench) -> Path:
    from core.unlearning.bench.memory.bench import build_oracle

    with _bar("training the oracle", None) as step:
        return build_oracle(bench.setup.work, step)


@contextmanager
def _bar(title: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Gives what is called after every step: without arguments, or with the step, all steps and the loss."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err()) as bar:
        task = bar.add_task(title, total=total)

        def step(done: int | None = None, steps: int | None = None, _: float = 0.0) -> None:
            bar.advance(task) if done is None else bar.update(task, completed=done, total=steps)

        yield step


def _show(found: list[LeaderboardRow], work: Path) -> None:
    from rich.table import Table

    from core.unlearning.bench.memory.leaderboard import COLUMNS, cells

    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    for number, title in enumerate(("%", "method", *(name for _, name in COLUMNS), "seconds", "seeds")):
        table.add_column(title, justify="left" if number == 1 else "right")
    for row in found:
        table.add_row(str(row.ratio), *cells(row))
    out().print(table)
    say(f"{work}: leaderboard.html, leaderboard.md, results.json, manifest.json")
