"""`lethe demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from client.cli.context import JsonFlag


def demo(
    output: Annotated[Path, typer.Option("--out", help="Where patch and report go.")] = Path("demo-out"),
    subject: Annotated[str | None, typer.Option(help="Whom to forget. [default: the first of the world]")] = None,
    level: Annotated[str, typer.Option(help="Of evaluation: quick, standard or thorough.")] = "quick",
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="On a pretrained language model that answers in sentences.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Watch a real request go through on this machine: ask, forget, ask again."""
    from client.cli.demo.run import run

    raise typer.Exit(run(output, subject=subject, level=level, pretrained=pretrained, json=json))
